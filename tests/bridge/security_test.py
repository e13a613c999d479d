#!/usr/bin/python3
"""ringbell bridge and servers that ask for more than a name: TLS, nkeys, JWTs with their seeds."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from nats_server import BridgeTest, NatsServer

# The first byte of a public key: its first letter.
OPERATOR, ACCOUNT, USER = (ord(letter) - ord("A") << 3 for letter in "OAU")
SEED = ord("S") - ord("A") << 3


def checked(data: bytes) -> bytes:
    """With the CRC-16 (XMODEM) behind it that nkeys have, in base 32."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return base64.b32encode(data + crc.to_bytes(2, "little")).rstrip(b"=")


class Key:
    """An nkey of its own."""

    def __init__(self, folder: Path, kind: int) -> None:
        self.file = folder / f"key{kind}-{time.monotonic_ns()}.der"
        self.openssl("genpkey", "-algorithm", "ed25519", "-outform", "DER", "-out", str(self.file))
        seed = self.file.read_bytes()[-32:]
        public = self.openssl("pkey", "-inform", "DER", "-in", str(self.file), "-pubout",
                              "-outform", "DER")[-32:]
        self.public = checked(bytes([kind]) + public).decode()
        self.seed = checked(bytes([SEED | kind >> 5, (kind & 31) << 3]) + seed).decode()

    @staticmethod
    def openssl(*arguments: str) -> bytes:
        return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout

    def jwt(self, subject: Key, kind: str, **claims) -> str:
        """Says that the subject is one of these, signed by this key."""
        def coded(part: object) -> bytes:
            return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        head = coded({"typ": "JWT", "alg": "ed25519-nkey"})
        body = coded({"jti": kind, "iat": int(time.time()) - 60, "iss": self.public, "name": kind,
                      "sub": subject.public, "nats": {"type": kind, "version": 2, **claims}})
        text = self.file.with_suffix(".text")
        text.write_bytes(head + b"." + body)
        signature = self.openssl("pkeyutl", "-sign", "-inkey", str(self.file), "-keyform", "DER",
                                 "-rawin", "-in", str(text))
        return b".".join([head, body, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


class Security(BridgeTest):
    def setUp(self) -> None:
        super().setUp()
        if shutil.which("openssl") is None:
            self.skipTest("openssl is not installed; it is in the package openssl")

    def server_of(self, config: str) -> NatsServer:
        path = self.folder / "server.conf"
        path.write_text(config)
        return self.server("-c", str(path))

    def pass_on(self, server: NatsServer, *options: str) -> None:
        """From ring to ring through such a server."""
        out = self.out("near", server, "--durable", *options)
        bridge = self.into("far", server, "--durable", *options)
        self.assertEqual(self.finish(self.send_lines("near", [b"one", b"two"]))[0], 0)
        self.assertEqual(self.finish(self.receive_lines("far", 2))[1], b"one\ntwo\n")
        self.assertEqual(self.finish(out), (0, b"", ""))
        self.end(bridge)

    def refused(self, server: NatsServer, said: str, *options: str) -> None:
        for arguments in (["out", "ring", "--to"], ["in", "ring", "--from"]):
            ended = self.ringbell("bridge", *arguments, server.url, "--subject", "a", "--wait",
                                  "0.2", *options)
            self.assertEqual((ended.returncode, ended.stdout), (1, b""), ended.stderr)
            self.expect_line(ended.stderr.decode(), said)

    def test_nkeys(self) -> None:
        key, other = Key(self.folder, USER), Key(self.folder, USER)
        server = self.server_of(f"authorization {{ users = [ {{ nkey: {key.public} }} ] }}\n")
        seed = self.folder / "seed"
        seed.write_text(key.seed + "\n")
        self.pass_on(server, "--nkey", key.public, "--seed", str(seed))
        self.refused(server, "uthorization")
        self.refused(server, "", "--nkey", other.public, "--seed", str(seed))
        self.refused(server, "absent", "--nkey", key.public, "--seed", str(self.folder / "absent"))
        seed.write_text("nonsense\n")
        self.refused(server, "", "--nkey", key.public, "--seed", str(seed))

    def test_credentials(self) -> None:
        operator, account, system, user = (
            Key(self.folder, kind) for kind in (OPERATOR, ACCOUNT, ACCOUNT, USER))
        unlimited = {"subs": -1, "data": -1, "payload": -1}
        everything = {**unlimited, "imports": -1, "exports": -1, "wildcards": True, "conn": -1,
                      "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1,
                      "consumer": -1}
        accounts = ", ".join(f"{each.public}: {operator.jwt(each, 'account', limits=limits)}"
                             for each, limits in ((account, everything), (system, unlimited)))
        server = self.server_of(
            f"operator: {operator.jwt(operator, 'operator')}\nresolver: MEMORY\n"
            f"system_account: {system.public}\nresolver_preload: {{ {accounts} }}\n")
        credentials = self.folder / "user.creds"

        def write(jwt: str) -> None:
            credentials.write_text(
                f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
                f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
        write(account.jwt(user, "user", **unlimited))
        self.pass_on(server, "--credentials", str(credentials))
        self.refused(server, "uthorization")
        write(Key(self.folder, ACCOUNT).jwt(user, "user", **unlimited))
        self.refused(server, "uthorization", "--credentials", str(credentials))
        credentials.write_text("nonsense\n")
        self.refused(server, "", "--credentials", str(credentials))

    def certificate(self, name: str, *options: str) -> None:
        Key.openssl("req", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-keyout", str(self.folder / f"{name}.key"), "-out",
                    str(self.folder / f"{name}.pem"), "-x509", *options)

    def test_tls(self) -> None:
        self.certificate("ca")
        self.certificate("stranger")
        of_ca = ("-CA", str(self.folder / "ca.pem"), "-CAkey", str(self.folder / "ca.key"))
        for name in ("server", "client"):
            self.certificate(name, "-addext", "subjectAltName=IP:127.0.0.1", *of_ca)
        files = {name: str(self.folder / name) for name in
                 ("ca.pem", "stranger.pem", "stranger.key", "server.pem", "server.key",
                  "client.pem", "client.key", "absent")}
        tls = (f"tls {{ cert_file: \"{files['server.pem']}\", key_file: \"{files['server.key']}\", "
               f"ca_file: \"{files['ca.pem']}\", verify: ")
        server = self.server_of(tls + "false }\n")
        self.pass_on(server, "--ca", files["ca.pem"])
        self.refused(server, "", "--ca", files["stranger.pem"])
        self.refused(server, "absent", "--ca", files["absent"])
        self.refused(server, "client.key", "--ca", files["client.key"])
        server.kill()
        server = self.server_of(tls + "true }\n")
        own = ("--certificate", files["client.pem"], "--private-key", files["client.key"])
        self.pass_on(server, "--ca", files["ca.pem"], *own)
        # It takes the handshake for done before the server asks: for libnats the server only went.
        ended = self.ringbell("bridge", "out", "ring", "--to", server.url, "--subject", "a",
                              "--wait", "0.2", "--ca", files["ca.pem"])
        self.assertIn(ended.returncode, (1, 3))
        self.expect_line(ended.stderr.decode(), server.url)
        self.refused(server, "client.pem", "--ca", files["ca.pem"], "--certificate",
                     files["client.pem"], "--private-key", files["stranger.key"])

    def test_command_lines(self) -> None:
        for options, said in [(["--nkey", "U"], "both or neither"), (["--seed", "f"], "both or n"),
                              (["--certificate", "f"], "both or n"),
                              (["--private-key", "f"], "both or neither"),
                              (["--credentials", "f", "--nkey", "U", "--seed", "f"], "too many")]:
            ended = self.ringbell("bridge", "out", "ring", "--subject", "a", *options)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.expect_line(ended.stderr.decode(), said)


if __name__ == "__main__":
    unittest.main()
