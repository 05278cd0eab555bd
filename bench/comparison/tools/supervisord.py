"""Supervisor, from PyPI."""

import xmlrpc.client

from .. import http, machine
from ..log import Files
from ..run import Failed
from . import App, HttpStatus, Tool


class Supervisord(Tool):
    title = "supervisord"
    ready_path = "/"
    notes = ["supervisord: started by one XML-RPC call, without the start of supervisorctl; its rotation at 10 MiB cuts a line at most files' ends."]

    @staticmethod
    def install(programs):
        return programs.supervisord()

    def open(self, apps: list[App]) -> None:
        self.apps = apps
        self.port = machine.free_port()
        (self.place / "log").mkdir()
        text = [
            "[supervisord]",
            f"nodaemon=true\nlogfile={self.place}/supervisord.log\npidfile={self.place}/supervisord.pid\nminfds=8192",
            f"[inet_http_server]\nport=127.0.0.1:{self.port}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for app in apps:
            text += [
                f"[program:{app.name}]\ncommand={' '.join(app.command)}",
                "autostart=false\nautorestart=true\nredirect_stderr=true",
                f"stdout_logfile={self.place}/log/{app.name}.log\nstdout_logfile_maxbytes=10MB\nstdout_logfile_backups=12",
            ]
        (self.place / "supervisord.conf").write_text("\n".join(text) + "\n")
        self.spawn()
        http.wait(self.port, self.ready_path)

    def spawn(self) -> None:
        self.launch([self.program, "-c", self.place / "supervisord.conf"])

    def rpc(self):
        return xmlrpc.client.ServerProxy(f"http://127.0.0.1:{self.port}/RPC2").supervisor

    def start_all(self) -> None:
        try:
            self.rpc().startAllProcesses(False)
        except (OSError, xmlrpc.client.Error) as error:
            raise Failed(f"startAllProcesses: {error}") from error

    def reopen(self) -> None:
        self.spawn()
        http.wait(self.port, self.ready_path)
        self.start_all()

    def status(self):
        body = "<?xml version='1.0'?><methodCall><methodName>supervisor.getAllProcessInfo</methodName><params></params></methodCall>"
        return HttpStatus(self.port, "/RPC2", body)

    def log(self, app):
        return Files(self.place / "log", f"{app}.log")
