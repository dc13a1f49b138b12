package main

import (
	"errors"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// As much of recoup's channel.proto as this channel needs. Whoever needs more lets protoc-gen-go
// write all of it.

const (
	contactClassSMS = 2
	healthOK        = 1
	healthDown      = 3
)

// message is written field by field; what is empty or 0 is left out, as proto3 has it.
type message []byte

func (m message) number(field protowire.Number, value uint64) message {
	if value == 0 {
		return m
	}
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), value)
}

func (m message) text(field protowire.Number, value string) message {
	if value == "" {
		return m
	}
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), value)
}

func descriptor() []byte {
	can := message(nil).
		number(8, 1).           // began: on every path, see call.begin
		number(11, inFlightMax) // max_in_flight
	return message(nil).
		text(1, id).
		text(2, version).
		text(3, "{{name}}"). // vendor
		text(4, "sms").      // kind
		number(5, contactClassSMS).
		text(6, string(can)).
		text(7, settingsSchema).
		text(9, "config:endpoint") // egress
}

func failure(text string, retryAfter time.Duration) []byte {
	return message(nil).text(1, text).number(2, uint64(retryAfter.Milliseconds()))
}

func receipt(providerRef string, parts uint64) []byte {
	return message(nil).text(1, providerRef).number(5, parts)
}

func health(state uint64, detail string) []byte {
	return message(nil).number(1, state).text(2, detail)
}

// sendRequest is what this channel looks at in a SendRequest.
type sendRequest struct {
	idempotencyKey string
	isToPhone      bool
	e164           string
	hasContent     bool
	body           string
	templateID     string
	hasAttachments bool
}

var errMalformed = errors.New("these bytes are no SendRequest")

func readSendRequest(bytes []byte) (sendRequest, error) {
	var request sendRequest
	content := protowire.Number(0)
	err := fields(bytes, func(number protowire.Number, inside []byte) error {
		switch number {
		case 2:
			return text(inside, &request.idempotencyKey)
		case 4:
			return request.readDestination(inside)
		case 5, 6: // for the debtor, for a third party; the last one counts
			if content != number {
				content = number
				request.body, request.templateID, request.hasAttachments = "", "", false
			}
			return request.readContent(inside, number == 5)
		}
		return nil
	})
	return request, err
}

func (r *sendRequest) readDestination(bytes []byte) error {
	return fields(bytes, func(number protowire.Number, inside []byte) error {
		switch number {
		case 1:
			r.isToPhone = true
			return text(inside, &r.e164)
		case 2, 3, 4:
			r.isToPhone = false
		}
		return nil
	})
}

func (r *sendRequest) readContent(bytes []byte, isDebtors bool) error {
	r.hasContent = true
	return fields(bytes, func(number protowire.Number, inside []byte) error {
		switch {
		case number == 2:
			return text(inside, &r.body)
		case number == 3 && isDebtors:
			return text(inside, &r.templateID)
		case number == 6 && isDebtors:
			r.hasAttachments = true
		}
		return nil
	})
}

// fields calls take for each field. What take does not know it passes over, as the ABI wants it. Of
// a number there is nothing inside.
func fields(bytes []byte, take func(number protowire.Number, inside []byte) error) error {
	for len(bytes) > 0 {
		number, kind, size := protowire.ConsumeTag(bytes)
		if size < 0 {
			return errMalformed
		}
		bytes = bytes[size:]
		var inside []byte
		if kind == protowire.BytesType {
			inside, size = protowire.ConsumeBytes(bytes)
			if inside == nil {
				inside = []byte{}
			}
		} else {
			size = protowire.ConsumeFieldValue(number, kind, bytes)
		}
		if size < 0 {
			return errMalformed
		}
		bytes = bytes[size:]
		if err := take(number, inside); err != nil {
			return err
		}
	}
	return nil
}

func text(inside []byte, to *string) error {
	if inside == nil || !utf8.Valid(inside) {
		return errMalformed
	}
	*to = string(inside)
	return nil
}
