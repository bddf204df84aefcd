"""`serve`."""

import uvicorn

from steelthread.api import create_api
from steelthread.cli.shell import DEFAULT, Common, app, err


@app.command
def serve(*, host: str = "", port: int = 0, common: Common = DEFAULT) -> None:
    """Serve the HTTP API until it is stopped.

    Parameters
    ----------
    host
        Address to listen on; the setting by default.
    port
        Port to listen on; the setting by default.
    """
    project = common.open()
    run(common, host or project.settings.server.host, port or project.settings.server.port)


def run(common: Common, host: str, port: int) -> None:
    """Serve until stopped."""
    with common.space() as space:
        err.print(f"Steelthread at http://{host}:{port}/docs", highlight=False)
        uvicorn.run(create_api(space), host=host, port=port, log_level="warning", access_log=False)
