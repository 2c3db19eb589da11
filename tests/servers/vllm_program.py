"""Stands in for the program ``vllm``: takes what ``vllm serve`` does, and answers as it does.

It is no vLLM: it says whatever label the prompt's last text names. What it was started with goes
into the file that VLLM_SEEN names. VLLM_FAILS: end with these words instead of serving. VLLM_LOADS,
VLLM_WAITS: seconds before it serves, and before each answer.
"""

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KNOWN = (
    "--host",
    "--port",
    "--served-model-name",
    "--load-format",
    "--generation-config",
    "--config",
)


class Handler(BaseHTTPRequestHandler):
    """The two paths that are asked for."""

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        """List the model."""
        self.reply({"object": "list", "data": [{"id": NAME, "object": "model"}]})

    def do_POST(self):
        """Answer with log-probabilities of every token."""
        time.sleep(float(os.environ.get("VLLM_WAITS", 0)))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with Path(os.environ["VLLM_SEEN"] + ".requests").open("a") as file:
            file.write(json.dumps(body) + "\n")
        if self.path != "/v1/chat/completions" or body["model"] != NAME:
            error = {"message": "The model does not exist.", "type": "NotFoundError", "code": 404}
            self.reply({"error": error}, 404)
            return
        allowed = body["response_format"]["json_schema"]["schema"]["properties"]["answer"]["enum"]
        text = body["messages"][-1]["content"]
        label = max(allowed, key=lambda label: text.rfind(f"it is {label}"))
        other = next(a for a in allowed if a != label)
        tokens = [('{"answer": "', -0.001, {}), (label, -0.1, {label: -0.1, other: -2.5})]
        tokens.append(('"}', 0.0, {'"}': 0.0}))
        content = [
            {
                "token": token,
                "logprob": logprob,
                "bytes": list(token.encode()),
                "top_logprobs": [
                    {"token": t, "logprob": p, "bytes": list(t.encode())} for t, p in top.items()
                ],
            }
            for token, logprob, top in tokens
        ]
        message = {
            "role": "assistant",
            "content": json.dumps({"answer": label}),
            "refusal": None,
            "annotations": None,
            "tool_calls": [],
            "reasoning": None,
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": {"content": content},
            "finish_reason": "stop",
            "stop_reason": None,
        }
        usage = {"prompt_tokens": 50, "total_tokens": 58, "completion_tokens": 8}
        self.reply({"object": "chat.completion", "choices": [choice], "usage": usage})

    def reply(self, body, status=200):
        """Send JSON to whoever has the key."""
        if self.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}":
            body, status = {"error": "Unauthorized"}, 401
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


if __name__ == "__main__":
    command, folder, *words = sys.argv[1:]
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert command == "serve"
    assert set(options) <= set(KNOWN), options
    NAME = options["--served-model-name"]
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    seen = {
        "folder": folder,
        "options": options,
        "processes": [os.getpid(), worker.pid],
        "environment": {k: os.environ.get(k) for k in ("VLLM_NO_USAGE_STATS", "HF_HUB_OFFLINE")},
        "key": os.environ["VLLM_API_KEY"],
    }
    with Path(os.environ["VLLM_SEEN"]).open("a") as file:
        file.write(json.dumps(seen) + "\n")
    if os.environ.get("VLLM_FAILS"):
        worker.kill()
        print("INFO loading\n(EngineCore pid=1) ERROR", os.environ["VLLM_FAILS"], file=sys.stderr)
        sys.exit("INFO 5 lines of a traceback\nRuntimeError: Engine core initialization failed.")
    time.sleep(float(os.environ.get("VLLM_LOADS", 0.3)))
    server = ThreadingHTTPServer((options["--host"], int(options["--port"])), Handler)
    server.serve_forever()
