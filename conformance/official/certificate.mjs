// A certificate that nobody has signed, for servers that speak TLS.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a certificate of the host `name`: its files, which last as long as this process, and the options of siokit-server. */
export function certificate(name = "localhost", folder = mkdtempSync(join(tmpdir(), "siokit-"))) {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  execFileSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`, "-keyout", key, "-out", cert],
  ], { stdio: "ignore" });
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return { cert, key, options: ["--tls-cert", cert, "--tls-key", key] };
}
