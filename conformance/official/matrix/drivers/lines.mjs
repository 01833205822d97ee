// Values as a driver's lines carry them: JSON, in which binary data is {"$bytes": "<base64>"}. Node.js and browsers.

const wire = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const unwire = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** `value` with every ArrayBuffer and every view of one replaced. */
export function pack(value) {
  if (value instanceof ArrayBuffer) return { $bytes: wire(new Uint8Array(value)) };
  if (ArrayBuffer.isView(value)) return { $bytes: wire(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) };
  if (Array.isArray(value)) return value.map(pack);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, pack(each)]));
}

/** The contrary; `binary` makes of a Uint8Array what is wanted. */
export function unpack(value, binary) {
  if (Array.isArray(value)) return value.map((each) => unpack(each, binary));
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return binary(unwire(value.$bytes));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unpack(each, binary)]));
}
