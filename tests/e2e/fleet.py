#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is in tools/fleet, for fleet.bats.

    fleet.py expressions    those of the dashboard, as recording rules for promtool, with Grafana's variables replaced
    fleet.py metrics        the names of metrics in rules and dashboard that are tcpwhy's own, sorted
    fleet.py labels         the labels that they are asked by, sorted, but those of Prometheus itself
    fleet.py verdicts       those that alerts are about, sorted
    fleet.py untold         alerts without a severity, a summary, or a description that says what to do
    fleet.py silent         verdicts that wake nobody, as README.md has them, sorted
    fleet.py manifest       what is wrong with kubernetes.yaml
"""

import json
import pathlib
import re
import sys

import yaml

FLEET = pathlib.Path(__file__).resolve().parents[2] / "tools" / "fleet"
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$instance": ".*", "$job": ".*"}
OF_PROMETHEUS = {"job", "instance", "alertname", "alertstate"}


def rules():
    for name in ("recording.rules.yml", "alerts.rules.yml"):
        for group in yaml.safe_load((FLEET / name).read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


def dashboard():
    board = json.loads((FLEET / "grafana-dashboard.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for annotation in board["annotations"]["list"]:
        yield annotation["expr"]


def replaced(expr):
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    if "$" in expr:
        raise SystemExit(f"an unknown variable: {expr}")
    return expr


def expressions():
    rules_of = [{"record": f"dashboard:{i}", "expr": replaced(expr)} for i, expr in enumerate(dashboard())]
    return yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules_of}]}, width=1000)


def all_expressions():
    return [rule["expr"] for rule in rules()] + [replaced(expr) for expr in dashboard()]


def metrics():
    own = {rule["record"] for rule in rules() if "record" in rule}
    found = {name for expr in all_expressions() for name in re.findall(r"[a-z_:0-9]*tcpwhy_[a-z_:0-9]+", expr)}
    return "\n".join(sorted(found - own))


def labels():
    found = set()
    for expr in all_expressions():
        for matchers in re.findall(r"\{([^}]*)\}", expr):
            found.update(re.findall(r"([a-z_]+)[!=]", matchers))
        for names in re.findall(r" by \(([^)]*)\)", expr):
            found.update(re.split(r", *", names))
    return "\n".join(sorted(found - OF_PROMETHEUS))


def verdicts():
    found = set()
    for alert in alerts():
        for names in re.findall(r'verdict=~?"([^"]*)"', alert["expr"]):
            found.update(names.split("|"))
        found.update(re.findall(r"tcpwhy explain ([a-z-]+)", alert["annotations"]["description"]))
    return "\n".join(sorted(found))


def untold():
    return "\n".join(alert["alert"] for alert in alerts() if alert["labels"].get("severity") not in ("page", "ticket")
                     or not alert["annotations"].get("summary")
                     or not re.search(r"tcpwhy (explain ([a-z-]+|VERDICT|\{\{ \$labels.verdict \}\})|check( says more\.)?)$",
                                      alert["annotations"].get("description", "")))


def silent():
    text = (FLEET / "README.md").read_text(encoding="utf-8")
    table = text.split("<!-- silent -->")[1].split("<!-- end -->")[0]
    return "\n".join(sorted(name for row in table.splitlines() if row.startswith("| `")
                            for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])))


def manifest():
    namespace, daemon = yaml.safe_load_all((FLEET / "kubernetes.yaml").read_text(encoding="utf-8"))
    spec = daemon["spec"]["template"]["spec"]
    [container] = spec["containers"]
    security = container["securityContext"]
    labels_of = daemon["spec"]["template"]["metadata"]["labels"]
    containerfile = (FLEET / "Containerfile").read_text(encoding="utf-8")
    facts = {
        "kinds": (namespace["apiVersion"], namespace["kind"], daemon["apiVersion"], daemon["kind"])
        == ("v1", "Namespace", "apps/v1", "DaemonSet"),
        "namespace": daemon["metadata"]["namespace"] == namespace["metadata"]["name"],
        "selector": daemon["spec"]["selector"]["matchLabels"].items() <= labels_of.items(),
        "hostPID": spec["hostPID"] is True,
        "no other namespace of the host": not spec.get("hostNetwork") and not spec.get("hostIPC"),
        "no token": spec["automountServiceAccountToken"] is False,
        "capabilities": security["capabilities"] == {"drop": ["ALL"], "add": ["BPF", "PERFMON"]},
        "not privileged": security["privileged"] is False and security["allowPrivilegeEscalation"] is False,
        "read-only root": security["readOnlyRootFilesystem"] is True,
        "read-only mounts": all(mount["readOnly"] for mount in container["volumeMounts"]),
        "volumes": {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]},
        "an image of our own": container["image"].startswith("localhost/tcpwhy:")
        and re.findall(r"^FROM (.*)", containerfile, re.M) == ["scratch"],
        "the same arguments as the image": container["args"] == json.loads(re.search(r"^CMD (.*)", containerfile, re.M)[1]),
        "the port": str(container["ports"][0]["containerPort"]) == container["args"][2].rsplit(":", 1)[1]
        == daemon["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"],
        "limits": container["resources"]["limits"]["memory"] == "256Mi",
    }
    return "\n".join(name for name, holds in facts.items() if not holds)


if __name__ == "__main__":
    commands = {command.__name__: command for command in (expressions, metrics, labels, verdicts, untold, silent, manifest)}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        sys.exit(2)
    print(commands[sys.argv[1]]())
