package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const partsMax = 10

// How a call ends; the numbers of recoup_channel.h. All but statusUnknown are the proof that
// nothing reached the carrier.
const (
	statusOK          = 0
	statusRetryable   = 1
	statusPermanent   = 2
	statusRejected    = 3
	statusAuth        = 4
	statusRateLimited = 5
	statusUnknown     = 6
)

// end is what the host is told: a status, and a Receipt, a Health or a Failure.
type end struct {
	status  int32
	message []byte
}

func fail(status int32, format string, what ...any) end {
	return end{status, failure(fmt.Sprintf(format, what...), 0)}
}

// call is one contact under way.
type call struct {
	host     host
	settings *settings
	id       uint64
	deadline time.Time
	notAfter int64 // in milliseconds; 0: no limit
	request  sendRequest
	begun    bool
}

// run is attempt, whatever happens in it.
func (c *call) run() (result end) {
	defer func() {
		if what := recover(); what != nil {
			result = c.ended(fmt.Errorf("it panicked: %v", what))
		}
	}()
	return c.attempt()
}

func (c *call) attempt() end {
	// First, since it costs no connection.
	if err := c.inTime(); err != nil {
		return c.ended(err)
	}
	if why := refusal(&c.request); why != "" {
		return fail(statusPermanent, "not sent: %s", why)
	}
	password, found := c.host.secret(c.settings.PasswordSecret)
	if !found {
		return fail(statusAuth, "not sent: the secret `%s` is not given any more", c.settings.PasswordSecret)
	}
	answer, err := exchange(c.target(password), c.deadline, c.begin)
	if err != nil {
		return c.ended(err)
	}
	return judge(answer, partsOf(c.request.body))
}

// ended is a call without an answer: in doubt once it began, and before that not sent.
func (c *call) ended(err error) end {
	if c.begun {
		return fail(statusUnknown, "the gateway may have taken it: %v", err)
	}
	return fail(statusRetryable, "%v", err)
}

func (c *call) inTime() error {
	if c.notAfter != 0 && c.host.now().UnixMilli() >= c.notAfter {
		return errors.New("not sent: it is past this contact's not_after")
	}
	return nil
}

// begin is the last thing before the first byte. The order matters: once the host knows that it
// began, a failure counts as a contact made.
func (c *call) begin() error {
	if err := c.inTime(); err != nil {
		return err
	}
	if !time.Now().Before(c.deadline) {
		return errors.New("not sent: the call's time is over")
	}
	if !c.host.began(c.id) {
		return errors.New("not sent: the core refused it")
	}
	c.begun = true
	return nil
}

func (c *call) target(password string) *url.URL {
	coding := "2"
	if isGSM7(c.request.body) {
		coding = "0"
	}
	query := url.Values{
		"username": {c.settings.Username},
		"password": {password},
		"from":     {c.settings.From},
		"to":       {c.request.e164},
		"coding":   {coding},
		"charset":  {"UTF-8"},
		"text":     {c.request.body},
		// The contact's key: by it the carrier, and whoever asks it later, finds the contact.
		"binfo": {c.request.idempotencyKey},
	}
	target := *c.settings.url
	target.RawQuery = query.Encode()
	return &target
}

// ---------------------------------------------------------------- what may be sent

var e164 = regexp.MustCompile(`^\+[0-9]{7,15}$`)

// refusal is why this channel cannot send it. Nothing in here may repeat the text or the number.
func refusal(request *sendRequest) string {
	switch {
	case !request.isToPhone:
		return "a text message goes to a phone number"
	case !e164.MatchString(request.e164):
		return "the number is not in E.164, `+` and 7 to 15 digits"
	case !request.hasContent:
		return "the request has no content"
	case request.templateID != "":
		return "this gateway knows no templates"
	case request.hasAttachments:
		return "a text message carries no attachments"
	case request.body == "":
		return "the text is empty"
	case partsOf(request.body) > partsMax:
		return "the text has more than 10 parts"
	}
	return ""
}

// isGSM7 is true where each character is one of GSM-7's and takes one place there. The others of
// GSM-7 go as UCS-2, too, which is never wrong and sometimes dearer.
func isGSM7(text string) bool {
	for _, c := range text {
		if c != '\n' && c != '\r' && (c < ' ' || c > '~' || strings.ContainsRune("[\\]^`{|}~", c)) {
			return false
		}
	}
	return true
}

// partsOf is how many parts the gateway makes of it. No character is cut in two.
func partsOf(text string) uint64 {
	whole, part := 70, 67
	if isGSM7(text) {
		whole, part = 160, 153
	}
	all, room, parts := 0, part, uint64(1)
	for _, c := range text {
		units := 1 // of UTF-16
		if c > 0xffff {
			units = 2
		}
		all += units
		if units > room {
			parts++
			room = part
		}
		room -= units
	}
	if all <= whole {
		return 1
	}
	return parts
}

// ---------------------------------------------------------------- what an answer proves

// judge believes only what the gateway documents. A 5xx or a proxy's page may come after the text
// was taken, so anything else is statusUnknown.
func judge(answer answer, parts uint64) end {
	text := shortened(answer.body)
	switch answer.status {
	case http.StatusAccepted:
		return taken(text, parts)
	case http.StatusBadRequest:
		return fail(refused(text), "the gateway refuses the text or its receiver: %s", text)
	case http.StatusForbidden:
		return fail(statusAuth, "the gateway does not accept `username` and the password: %s", text)
	case http.StatusNotFound:
		return fail(statusPermanent, "the gateway has no such service; check the path of `endpoint`: %s", text)
	case http.StatusTooManyRequests:
		return end{statusRateLimited, failure("the gateway refuses for now: "+text, answer.retryAfter)}
	default:
		return fail(statusUnknown, "the gateway answered %d, and may have taken it: %s", answer.status, text)
	}
}

// taken reads `0: Accepted for delivery`, `3: Queued for later delivery`; newer gateways put
// `: <id>` behind.
func taken(text string, parts uint64) end {
	code, rest, found := strings.Cut(text, ":")
	code = strings.TrimSpace(code)
	if !found || (code != "0" && code != "3") {
		return fail(statusUnknown, "the gateway answered 202 with a text that is not its own: %s", text)
	}
	_, reference, _ := strings.Cut(rest, ":")
	return end{statusOK, receipt(strings.TrimSpace(reference), parts)}
}

// refused tells a refusal by the gateway's own lists, which are the person's or the operator's
// will, from our mistakes.
func refused(text string) int32 {
	text = strings.ToLower(text)
	for _, words := range []string{"not allowed", "black-list", "blacklist", "white-list", "do not contact"} {
		if strings.Contains(text, words) {
			return statusRejected
		}
	}
	return statusPermanent
}

// shortened is enough of an answer to recognise it by. A message must be UTF-8, and this may be
// anything.
func shortened(body []byte) string {
	text := make([]byte, 0, 200)
	for _, c := range body {
		if len(text) < cap(text) && c >= ' ' && c != 0x7f {
			text = append(text, min(c, 0x80))
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\x80", "?"))
}
