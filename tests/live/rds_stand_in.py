#!/usr/bin/env python3
"""A stand-in for the RDS Query API on loopback: one Aurora cluster whose failovers take as long as
the command line says. Prints its port, answers until standard input ends.

Form and names of the answers are those of the API (rds/2014-10-31): POST of a form, XML. Signatures
are not looked at. Every call is written to --log as a line.
"""
import argparse
import datetime
import http.server
import sys
import threading
import time
import urllib.parse

NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"
CLUSTER = "orders"
ARN = "arn:aws:rds:us-east-1:123456789012:cluster:" + CLUSTER
ZONES = {"orders-1": "us-east-1a", "orders-2": "us-east-1b", "orders-3": "us-east-1a"}


def date_of(seconds):
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (at.microsecond // 1000)


class Fault(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Cluster:
    """What has happened follows from the clock and the accepted calls: nothing runs by itself."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.writer = "orders-1"
        self.failovers = []  # (call, old, new)
        self.reboots = []    # (call, instance)
        self.calls = {}

    def count(self, action):
        self.calls[action] = self.calls.get(action, 0) + 1
        return self.calls[action]

    def stage(self, now):
        """Status, writer and the states of the instances at an instant."""
        o = self.options
        status, writer = "available", "orders-1"
        instances = {name: "available" for name in ZONES}
        for call, old, new in self.failovers:
            age = now - call
            writer = new if age >= o.flip else old
            status = "failing-over" if o.state <= age < o.settle else "available"
            if o.flip <= age < o.settle:
                instances[old] = "rebooting"
        for call, name in self.reboots:
            if o.state <= now - call < o.settle:
                instances[name] = "rebooting"
        if o.pending:
            status = o.pending
        return status, writer, instances

    def events(self, now):
        o = self.options
        happened = []
        for call, old, new in self.failovers:
            kind = "same" if ZONES[old] == ZONES[new] else "cross"
            happened += [
                (call + o.state, "db-cluster", CLUSTER, "failover",
                 "Started %s AZ failover to DB instance: %s" % (kind, new)),
                (call + o.flip, "db-cluster", CLUSTER, "failover",
                 "Completed failover to DB instance: " + new),
                (call + o.flip, "db-instance", old, "availability", "DB instance shutdown"),
                (call + o.settle, "db-instance", old, "availability", "DB instance restarted")]
        for call, name in self.reboots:
            happened += [
                (call + o.state, "db-instance", name, "availability", "DB instance shutdown"),
                (call + o.settle, "db-instance", name, "availability", "DB instance restarted")]
        return sorted(one for one in happened if one[0] <= now)

    def fail_over(self, now, form):
        status, writer, instances = self.stage(now)
        target = form.get("TargetDBInstanceIdentifier") or next(
            name for name in ZONES if name != writer)
        if self.failovers and now - self.failovers[-1][0] < self.options.settle:
            status = "failing-over"  # accepted and not shown yet
        if status != "available" or target == writer:
            raise Fault("InvalidDBClusterStateFault",
                        "Cannot fail over to %s: cluster %s is in state %s" %
                        (target, CLUSTER, status))
        if target not in ZONES:
            raise Fault("DBInstanceNotFound", "DBInstance %s not found." % target)
        self.failovers.append((now, writer, target))

    def reboot(self, now, form):
        name = form["DBInstanceIdentifier"]
        if self.stage(now)[2].get(name) != "available":
            raise Fault("InvalidDBInstanceState", "DB Instance %s is not available" % name)
        self.reboots.append((now, name))


def clusters_xml(cluster, now):
    status, writer, _ = cluster.stage(now)
    members = "".join(
        "<DBClusterMember><DBInstanceIdentifier>%s</DBInstanceIdentifier><IsClusterWriter>%s"
        "</IsClusterWriter><DBClusterParameterGroupStatus>in-sync</DBClusterParameterGroupStatus>"
        "<PromotionTier>1</PromotionTier></DBClusterMember>" %
        (name, "true" if name == writer else "false") for name in ZONES)
    return ("<DBClusters><DBCluster><DBClusterIdentifier>%s</DBClusterIdentifier><DBClusterArn>%s"
            "</DBClusterArn><Status>%s</Status><Engine>aurora-postgresql</Engine>"
            "<LatestRestorableTime>%s</LatestRestorableTime><DBClusterMembers>%s"
            "</DBClusterMembers></DBCluster></DBClusters>" %
            (CLUSTER, ARN, status, date_of(now - 120), members))


def instances_xml(cluster, now):
    _, _, instances = cluster.stage(now)
    return "<DBInstances>%s</DBInstances>" % "".join(
        "<DBInstance><DBInstanceIdentifier>%s</DBInstanceIdentifier><DBInstanceClass>db.r6g.large"
        "</DBInstanceClass><DBInstanceStatus>%s</DBInstanceStatus><AvailabilityZone>%s"
        "</AvailabilityZone><DBClusterIdentifier>%s</DBClusterIdentifier>%s</DBInstance>" %
        (name, status, ZONES[name], CLUSTER,
         "<PendingModifiedValues><DBInstanceClass>db.r7g.large</DBInstanceClass>"
         "</PendingModifiedValues>" if cluster.options.pending_class == name else "")
        for name, status in instances.items())


def events_xml(cluster, now, form):
    wanted = form.get("SourceType")
    return "<Events>%s</Events>" % "".join(
        "<Event><SourceIdentifier>%s</SourceIdentifier><SourceType>%s</SourceType><Message>%s"
        "</Message><EventCategories><EventCategory>%s</EventCategory></EventCategories>"
        "<Date>%s</Date></Event>" % (source, kind, message, category, date_of(at))
        for at, kind, source, category, message in cluster.events(now) if kind == wanted)


def answer(cluster, form):
    action = form["Action"]
    now = time.time()
    with cluster.lock:
        number = cluster.count(action)
        for name, code, how_often in cluster.options.refuse:
            if name == action and number <= how_often:
                raise Fault(code, "Rate exceeded" if code.startswith("Throttl") else
                            "refused by the script of the stand-in")
        if action == "DescribeDBClusters":
            if form.get("DBClusterIdentifier") != CLUSTER:
                raise Fault("DBClusterNotFoundFault", "DBCluster %s not found." %
                            form.get("DBClusterIdentifier"))
            return clusters_xml(cluster, now)
        if action == "DescribeDBInstances":
            return instances_xml(cluster, now)
        if action == "DescribeEvents":
            return events_xml(cluster, now, form)
        if action == "FailoverDBCluster":
            cluster.fail_over(now, form)
            return "<DBCluster><DBClusterIdentifier>%s</DBClusterIdentifier></DBCluster>" % CLUSTER
        if action == "RebootDBInstance":
            cluster.reboot(now, form)
            return "<DBInstance><DBInstanceIdentifier>%s</DBInstanceIdentifier></DBInstance>" % (
                form["DBInstanceIdentifier"])
    raise Fault("InvalidAction", "no action " + action)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster = None

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        form = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
        action = form.get("Action", "")
        try:
            status, body = 200, "<%sResponse xmlns=\"%s\"><%sResult>%s</%sResult></%sResponse>" % (
                action, NAMESPACE, action, answer(self.cluster, form), action, action)
        except Fault as fault:
            status, body = 400, ("<ErrorResponse xmlns=\"%s\"><Error><Type>Sender</Type><Code>%s"
                                 "</Code><Message>%s</Message></Error></ErrorResponse>" %
                                 (NAMESPACE, fault.code, fault))
        with self.cluster.lock, open(self.cluster.options.log, "a", encoding="utf-8") as log:
            log.write("%d %s %s\n" % (status, action, form.get("TargetDBInstanceIdentifier", "")))
        raw = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


def refusal(text):
    action, code, how_often = text.split(":")
    return action, code, int(how_often)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", required=True)
    parser.add_argument("--state", type=float, default=2, help="call until Status failing-over")
    parser.add_argument("--flip", type=float, default=4, help="call until the writer changes")
    parser.add_argument("--settle", type=float, default=6, help="call until available again")
    parser.add_argument("--refuse", type=refusal, action="append", default=[],
                        help="ACTION:CODE:N, the first N calls of it")
    parser.add_argument("--pending", help="the Status of the cluster, for ever")
    parser.add_argument("--pending-class", help="an instance with PendingModifiedValues")
    Handler.cluster = Cluster(parser.parse_args())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


main()
