"""An S3 server that checks signatures: moto's, in a process of its own, with an account that may use it.

moto takes any secret at first. Once the account stands, its check is switched on, and a wrong secret is refused.
"""

import contextlib
import json
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import boto3  # type: ignore[import-untyped]
import pytest

from tests.support.services import Daemon, folder_for, free_port, unique

REGION = "us-east-1"
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_ANYONE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


@dataclass
class S3Server:
    """A running server and an account that may do anything."""

    daemon: Daemon
    access_key_id: str
    secret: str
    role: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.daemon.port}"

    def client(self, service: str = "s3") -> Any:
        """A boto3 client with the account."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret,
        )

    def new_bucket(self) -> str:
        """A bucket that no other test uses."""
        name = unique("bucket-")
        self.client().create_bucket(Bucket=name)
        return name

    def url(self, bucket: str) -> str:
        """`OFH_STORAGE_URL`."""
        secret = quote(self.secret, safe="")
        return f"s3://{self.access_key_id}:{secret}@127.0.0.1:{self.daemon.port}/{bucket}?tls=false&region={REGION}"


@contextlib.contextmanager
def run_s3() -> Iterator[S3Server]:
    """A private server for as long as the block lasts."""
    with folder_for(None) as folder:
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        daemon = Daemon(command, port, folder, environment={"MOTO_IAM_LOAD_MANAGED_POLICIES": "false"})
        try:
            daemon.start()
            yield _with_account(daemon)
        finally:
            daemon.stop()


def _with_account(daemon: Daemon) -> S3Server:
    first = S3Server(daemon, "anybody", "anything", "")
    iam = first.client("iam")
    iam.create_user(UserName="hub")
    iam.put_user_policy(UserName="hub", PolicyName="all", PolicyDocument=json.dumps(_EVERYTHING))
    role = iam.create_role(RoleName="upload", AssumeRolePolicyDocument=json.dumps(_ANYONE))["Role"]["Arn"]
    iam.put_role_policy(RoleName="upload", PolicyName="all", PolicyDocument=json.dumps(_EVERYTHING))
    made = iam.create_access_key(UserName="hub")["AccessKey"]
    switch = urllib.request.Request(
        f"{first.endpoint}/moto-api/reset-auth", data=b"0", headers={"content-type": "text/plain"}, method="POST"
    )
    with urllib.request.urlopen(switch, timeout=30):
        pass
    return S3Server(daemon, made["AccessKeyId"], made["SecretAccessKey"], role)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The server that tests share; each takes a bucket of its own."""
    with run_s3() as server:
        yield server
