package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
)

// settings is what the operator writes for this channel.
type settings struct {
	Endpoint       string `json:"endpoint"`
	Username       string `json:"username"`
	From           string `json:"from"`
	PasswordSecret string `json:"password_secret"`

	url *url.URL
}

// The host holds settings against this before it makes an instance.
const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["endpoint", "username", "from", "password_secret"],
  "properties": {
    "endpoint": {"type": "string", "minLength": 1, "description": "The gateway's sendsms, http://host:port/cgi-bin/sendsms."},
    "username": {"type": "string", "minLength": 1, "description": "The account at the gateway."},
    "from": {"type": "string", "minLength": 1, "description": "The sender's number or name."},
    "password_secret": {"type": "string", "minLength": 1, "format": "recoup-secret", "description": "The name of the secret with the account's password."}
  }
}`

func readSettings(text []byte) (settings, error) {
	var read settings
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return read, fmt.Errorf("the settings: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return read, errors.New("the settings go on behind their `}`")
	}
	for key, value := range map[string]string{
		"endpoint": read.Endpoint, "username": read.Username, "from": read.From, "password_secret": read.PasswordSecret,
	} {
		if value == "" {
			return read, fmt.Errorf("`%s` is missing or empty", key)
		}
	}
	var err error
	read.url, err = readEndpoint(read.Endpoint)
	return read, err
}

func readEndpoint(text string) (*url.URL, error) {
	wrong := func(what string) (*url.URL, error) {
		return nil, fmt.Errorf("`endpoint` is `%.150s`: %s", text, what)
	}
	read, err := url.Parse(text)
	switch {
	case err != nil || (read.Scheme != "http" && read.Scheme != "https"):
		return wrong("it must look like http://host:port/cgi-bin/sendsms")
	case read.Hostname() == "" || read.User != nil:
		return wrong("its host must be a name or an address, and nothing before it")
	case read.RawQuery != "" || read.ForceQuery || read.Fragment != "":
		return wrong("its path must be without a query")
	}
	return read, nil
}
