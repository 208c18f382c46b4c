"""Programs that stand where the embedded model's server stands, each with one way to fail; real processes all."""

from pathlib import Path

_UNTIL_STDIN_ENDS = """
import os, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
"""
_ARGUMENTS = "import sys; socket_path = sys.argv[sys.argv.index('--socket') + 1]\n"
_SERVE = """
import http.server, json, os, signal, socketserver
class Server(socketserver.UnixStreamServer):
    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        ANSWER
    def log_message(self, *_): pass
server = Server(socket_path, Handler)
print("ready", flush=True)
server.serve_forever()
"""
KILLED_BY_ILLEGAL_INSTRUCTION = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
CANNOT_LOAD = "import sys\nsys.exit('failed to load model: wrong magic')\n"
DIES_AT_EACH_CALL = _ARGUMENTS + _SERVE.replace("ANSWER", "os.kill(os.getpid(), signal.SIGKILL)")
ILLEGAL_INSTRUCTION_AT_A_CALL = _ARGUMENTS + _SERVE.replace("ANSWER", "os.kill(os.getpid(), signal.SIGILL)")
NEVER_ANSWERS = _ARGUMENTS + _UNTIL_STDIN_ENDS + _SERVE.replace("ANSWER", "signal.pause()")
NEVER_ANSWERS_NOR_STOPS = _ARGUMENTS + _SERVE.replace("ANSWER", "signal.pause()")
# As a model that computes at its end on a busy machine: it notices that it is to stop, and takes ten seconds over it.
STOPS_SLOWLY = """
import sys
print("ready", flush=True)
sys.stdin.read()
import pathlib, time
pathlib.Path(__file__).with_name("noticed").touch()
time.sleep(10)
"""
ANSWERS_OK = (
    _ARGUMENTS
    + _UNTIL_STDIN_ENDS
    + _SERVE.replace(
        "ANSWER",
        """body = json.dumps({"id": "x", "object": "chat.completion", "model": sys.argv[sys.argv.index("--alias") + 1],
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)""",
    )
)
IS_BORN = ANSWERS_OK.replace(
    '"content": "ok"',
    '"content": json.dumps({"name": "Orla", "pronoun": "she", "first_thought": "A fan turns somewhere below me.",'
    '"thought": "A fan turns.", "action": "think", "params": {}})',
)
# Keeps what it was asked in asked.jsonl beside itself, and says what stands in says.jsonl, line by line, then its last;
# asked for questions or insights, what stands in questions.json or insights.json, where there is one.
KEEPS_AND_SAYS = IS_BORN.replace(
    'self.rfile.read(int(self.headers["Content-Length"]))',
    """asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        beside = os.path.dirname(os.path.abspath(__file__))
        born = "first_thought" in asked.rpartition("response_format")[2]
        if not born:
            open(f"{beside}/asked.jsonl", "a").write(asked.replace(chr(10), " ") + chr(10))
            lines = open(f"{beside}/says.jsonl").read().splitlines()
            said = lines[min(len(open(f"{beside}/asked.jsonl").readlines()), len(lines)) - 1]
            form = asked.rpartition("response_format")[2]
            for name in ("questions", "insights"):
                if f'"{name}"' in form and os.path.exists(f"{beside}/{name}.json"):
                    said = open(f"{beside}/{name}.json").read()""",
).replace(
    "self.send_response(200)",
    """if not born:
            answer = json.loads(body)
            answer["choices"][0]["message"]["content"] = said
            body = json.dumps(answer).encode()
        self.send_response(200)""",
)
# Promises to keep the connection and answers nothing more on it, as the runtime's server does now and then.
ANSWERS_ONCE_A_CONNECTION = ANSWERS_OK.replace(
    "def do_POST(self):", 'protocol_version, answered = "HTTP/1.1", False\n    def do_POST(self):'
).replace(
    "body = json.dumps",
    "if self.answered:\n            self.close_connection = True\n            return\n"
    "        self.answered = True\n        body = json.dumps",
)
ONLY_SMALL_LOADS = "import sys\nif 'small' not in ' '.join(sys.argv): sys.exit('out of memory')\n" + ANSWERS_OK


def program(folder: Path, text: str) -> Path:
    """Write one of the programs above and return its path."""
    path = folder / "server.py"
    path.write_text(text)
    return path
