"""nginx over TLS with an authority of its own: listings, WebDAV without etags."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.connectors.servers.certificate import write_certificate
from tests.connectors.servers.installed import free_port
from tests.connectors.servers.programs import Program, Served, debian

MODULE = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")

CONFIGURATION = """
load_module {module};
{root} worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {home}/body; default_type text/plain;
  server {{
    listen 127.0.0.1:{port} ssl; server_name 127.0.0.1;
    ssl_certificate {home}/server.pem; ssl_certificate_key {home}/server.pem;
    auth_basic drop; auth_basic_user_file {home}/users;
    location /json/ {{ alias {home}/drop/; autoindex on; autoindex_format json; }}
    location /html/ {{ alias {home}/drop/; autoindex on; }}
    location /bare/ {{ alias {home}/drop/; }}
    location /dav/ {{ alias {home}/drop/; dav_ext_methods PROPFIND OPTIONS; }}
    location /forbidden/ {{ deny all; }}
    location /moved/ {{ return 302 https://elsewhere.example/drop/; }}
    location /near/ {{ rewrite ^/near/(.*)$ /json/$1 redirect; }}
  }}
}}
"""


@contextmanager
def nginx(home: Path) -> Iterator[Served]:
    """A server that shows one folder in several ways.

    /json/ and /html/ list it, /bare/ does not, /dav/ speaks WebDAV, /forbidden/ lets
    nobody in, /moved/ sends to another host and /near/ to /json/.
    """
    program = debian("nginx", "nginx")
    if not MODULE.exists():
        debian("nginx-dav-ext", "libnginx-mod-http-dav-ext")
    folder = home / "drop"
    folder.mkdir(parents=True, exist_ok=True)
    write_certificate(home)
    (home / "users").write_text("hub:{PLAIN}right-password\n")
    port, root = free_port(), "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(
        CONFIGURATION.format(module=MODULE, home=home, port=port, root=root)
    )
    command = [program, "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]
    server = Program(command, port, home / "nginx.log")
    server.start()
    options = {
        "address": f"https://127.0.0.1:{port}/json",
        "user": "hub",
        "password": "right-password",
        "ca_file": str(home / "ca.pem"),
    }
    yield Served(server, folder, options)
    server.kill()
