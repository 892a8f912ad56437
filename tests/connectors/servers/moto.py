"""moto: an object store that speaks S3 and knows users and their rights."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
from obstore.store import S3Store

from tests.connectors.servers.installed import free_port, python_with
from tests.connectors.servers.programs import Program

LIMITED = """
import boto3, json, sys
iam = boto3.client("iam", endpoint_url=sys.argv[1], region_name="us-east-1",
                   aws_access_key_id="a", aws_secret_access_key="b")
iam.create_user(UserName="hub")
allowed = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
policy = {"Version": "2012-10-17", "Statement": [allowed]}
iam.put_user_policy(UserName="hub", PolicyName="p", PolicyDocument=json.dumps(policy))
key = iam.create_access_key(UserName="hub")["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
"""


@dataclass
class ObjectStore:
    """The server, a way to put objects into its bucket, and the settings for it."""

    program: Program
    python: Path
    options: dict[str, object]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.program.port}"

    def put(self, name: str, content: bytes) -> None:
        obstore.put(self._bucket(), f"lots/{name}", content)

    def remove(self, name: str) -> None:
        obstore.delete(self._bucket(), f"lots/{name}")

    def make(self) -> None:
        """The bucket, anew: what was in it dies with the server."""
        httpx.put(f"{self.url}/drop").raise_for_status()

    def strict(self) -> tuple[str, str]:
        """From now on keys are checked; gives one that may list and not read."""
        done = subprocess.run(
            [str(self.python), "-c", LIMITED, self.url],
            capture_output=True,
            text=True,
            check=True,
        )
        httpx.post(f"{self.url}/moto-api/reset-auth", content=b"0").raise_for_status()
        key, secret = done.stdout.split()
        return key, secret

    def lenient(self) -> None:
        """Any key will do again."""
        many = b"1000000000"
        httpx.post(f"{self.url}/moto-api/reset-auth", content=many).raise_for_status()

    def _bucket(self) -> S3Store:
        return S3Store(
            "drop",
            endpoint=self.url,
            region="us-east-1",
            access_key_id="a",
            secret_access_key="b",
            client_options={"allow_http": True},
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=5)},
        )


@contextmanager
def moto(home: Path) -> Iterator[ObjectStore]:
    """A server with the bucket `drop`, in which files lie below `lots/`."""
    python = python_with("moto", "moto[server]>=5.1,<6")
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    start = "import sys; from moto.server import main; main(sys.argv[1:])"
    server = Program(
        [str(python), "-c", start, "-H", "127.0.0.1", "-p", str(port)],
        port,
        home / "moto.log",
    )
    server.start()
    store = ObjectStore(
        server,
        python,
        {
            "address": "s3://drop/lots",
            "endpoint": f"http://127.0.0.1:{port}",
            "access_key": "AKIAEXAMPLE",
            "secret_key": "right-secret",
        },
    )
    store.make()
    yield store
    server.kill()
