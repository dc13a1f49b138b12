"""A calendar user over HTTP, who reads events with vobject. Lines in: {do, url, user, password}, where
`do` is mkcalendar, get or report (all events of a calendar). Event out: done {status, events}.
"""

import base64
import json
import sys
import urllib.error
import urllib.request
from xml.etree import ElementTree

import vobject

QUERY = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
  <D:prop><C:calendar-data/></D:prop>
  <C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter></C:filter>
</C:calendar-query>"""


def ask(method, url, user, password, body=None, headers=()):
    request = urllib.request.Request(url, method=method, data=body and body.encode())
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    request.add_header("Authorization", f"Basic {credentials}")
    for name, value in headers:
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def event_of(ics):
    event = vobject.readOne(ics).vevent
    value = lambda name: event.contents[name][0].value if name in event.contents else None
    instant = lambda name: value(name).timestamp()
    return {
        "uid": value("uid"),
        "start": instant("dtstart"),
        "end": instant("dtend"),
        "sequence": value("sequence"),
        "status": value("status"),
        "class": value("class"),
        "summary": value("summary"),
        "description": value("description"),
        "location": value("location"),
        "attendees": [one.params["CN"][0] for one in event.contents.get("attendee", [])],
    }


def do(what, url, user, password):
    if what == "report":
        headers = [("Depth", "1"), ("Content-Type", "application/xml; charset=utf-8")]
        status, text = ask("REPORT", url, user, password, QUERY, headers)
        found = calendar_data(text) if status == 207 else []
        return status, [event_of(ics) for ics in found]
    status, text = ask(what.upper(), url, user, password)
    return status, [event_of(text)] if what == "get" and status == 200 else []


def calendar_data(text):
    name = "{urn:ietf:params:xml:ns:caldav}calendar-data"
    return [element.text for element in ElementTree.fromstring(text).iter(name)]


for line in sys.stdin:
    order = json.loads(line)
    status, events = do(order["do"], order["url"], order["user"], order["password"])
    print(json.dumps({"event": "done", "status": status, "events": events}), flush=True)
