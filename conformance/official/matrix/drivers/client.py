"""The driver of python-socketio: obeys the commands of driver.mjs."""
import asyncio
import base64
import json
import os
import sys
import traceback

import socketio

REASONS = {"client disconnect": "io client disconnect", "server disconnect": "io server disconnect"}
connections = {}


def say(**message):
    print(json.dumps(message), flush=True)


def pack(value):
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [pack(each) for each in value]
    if isinstance(value, dict):
        return {key: pack(each) for key, each in value.items()}
    return value


def unpack(value):
    if isinstance(value, list):
        return [unpack(each) for each in value]
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        return {key: unpack(each) for key, each in value.items()}
    return value


def listen(client, connection, namespace, events, answers):
    def tell(event, *args):
        if connection in connections:
            say(connection=connection, namespace=namespace, event=event, args=pack(args))

    def heard(event):
        def handler(*args):
            tell(event, *args)
            return tuple(unpack(answers[event])) if event in answers else None
        client.on(event, handler, namespace=namespace)

    def refused(what=None):
        tell("connect_error", what if isinstance(what, dict) else {"message": str(what)})

    for event in events:
        heard(event)
    client.on("connect", lambda: tell("connect", client.get_sid(namespace)), namespace=namespace)
    client.on("disconnect", lambda why: tell("disconnect", REASONS.get(why, why)), namespace=namespace)
    client.on("connect_error", refused, namespace=namespace)


async def connect(connection, url, path, namespaces, transports, events, answers, auth=None, query=None):
    client = socketio.AsyncClient(reconnection_delay=0.02, reconnection_delay_max=0.2, handle_sigint=False)
    connections[connection] = client
    for namespace in namespaces:
        listen(client, connection, namespace, events, answers)
    if query:
        url += "?" + "&".join(f"{key}={value}" for key, value in query.items())
    try:
        await client.connect(
            url, socketio_path=path, namespaces=namespaces, transports=transports, auth=auth, wait=False)
    except socketio.exceptions.ConnectionError:
        pass  # connect_error has said so


async def emit(connection, namespace, event, args, ask=None, times=1):
    answer = None if ask is None else lambda *values: say(ask=ask, args=pack(values))
    for _ in range(times):
        await connections[connection].emit(event, tuple(unpack(args)), namespace=namespace, callback=answer)


async def leave(connection, namespace):
    await connections[connection].disconnect()


async def end(connection):
    await connections.pop(connection).shutdown()


async def obey(command, **arguments):
    try:
        await {"connect": connect, "emit": emit, "leave": leave, "end": end}[command](**arguments)
    except Exception:  # whatever it is, the case must know
        say(trouble=traceback.format_exc())


async def main():
    lines = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    say(ready=True)
    waiting = set()  # handshakes, and ends
    while line := await lines.readline():
        message = json.loads(line)
        obeyed = obey(**message)
        if message["command"] in ("connect", "end"):
            task = asyncio.create_task(obeyed)
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        else:
            await obeyed
    os._exit(0)  # whatever is still open


asyncio.run(main())
