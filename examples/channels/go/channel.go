// {{name}}: text messages over an HTTP gateway in the shape of Kannel's `sendsms`.
//
// Start reading at call.attempt in send.go, which is one contact from its check to its end, then
// judge: what the gateway's answer proves. One rule stands above all others: a person is never
// contacted twice for one planned contact. So whatever is not proven unsent is statusUnknown.
//
// This file is what the host calls. Each function returns at once; a call has a goroutine of its
// own. Nothing here may panic into C: each recovers.
package main

/*
#include "table.h"
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

const (
	id          = "com.example.{{name_}}" // yours, in reverse domain order; it never changes
	version     = "0.1.0"
	inFlightMax = 8
)

// What a function of the table answers.
const (
	ok      = C.int32_t(C.RECOUP_OK)
	invalid = C.int32_t(C.RECOUP_INVALID)
	busy    = C.int32_t(C.RECOUP_BUSY)
)

// instance is one account at the gateway. Calls share it and never write to it, but for the count.
type instance struct {
	host     host
	settings settings
	inFlight atomic.Int32
	calls    sync.WaitGroup
}

// host is the host's services, as this channel uses them.
type host struct {
	table *C.recoup_host_v1
}

func (h host) complete(callID uint64, end end) {
	C.host_complete(h.table, C.uint64_t(callID), C.int32_t(end.status),
		unsafe.Pointer(unsafe.SliceData(end.message)), C.size_t(len(end.message)))
}

// began tells the host that the first byte is about to leave; false: it must not.
func (h host) began(callID uint64) bool {
	return C.host_began(h.table, C.uint64_t(callID)) >= 0
}

// now is wall time. It comes from the host alone, and never from the system: it may be stepped.
func (h host) now() time.Time {
	return time.UnixMilli(int64(C.host_wall_unix_ms(h.table)))
}

// secret is not kept by who asks: it may be changed while the channel runs.
func (h host) secret(name string) (string, bool) {
	var place [256]byte
	length := C.host_secret(h.table, unsafe.Pointer(unsafe.StringData(name)), C.size_t(len(name)),
		unsafe.Pointer(&place[0]), C.size_t(len(place)))
	text := string(place[:length])
	clear(place[:])
	return text, length > 0
}

// copied makes Go's own of what the host lends for the time of a call.
func copied(bytes C.recoup_bytes) []byte {
	if bytes.len == 0 {
		return nil
	}
	return append([]byte(nil), unsafe.Slice((*byte)(bytes.ptr), int(bytes.len))...)
}

//export channelDescriptor
func channelDescriptor() C.recoup_bytes {
	text := descriptor()
	// It must stay where it is while the process lives, so it is C's memory.
	return C.recoup_bytes{ptr: (*C.uint8_t)(C.CBytes(text)), len: C.size_t(len(text))}
}

//export channelCreate
func channelCreate(table *C.recoup_host_v1, config C.recoup_bytes, user unsafe.Pointer, err C.recoup_sink) C.uintptr_t {
	made, why := setUp(table, config)
	if why != nil {
		text := why.Error()
		C.tell(err, user, unsafe.Pointer(unsafe.StringData(text)), C.size_t(len(text)))
		return 0
	}
	return C.uintptr_t(cgo.NewHandle(made))
}

func setUp(table *C.recoup_host_v1, config C.recoup_bytes) (made *instance, err error) {
	defer func() {
		if what := recover(); what != nil {
			made, err = nil, fmt.Errorf("it panicked: %v", what)
		}
	}()
	if !C.host_is_known(table) {
		return nil, fmt.Errorf("the host speaks ABI %d.%d, and this channel %d.%d",
			table.abi_major, table.abi_minor, C.RECOUP_ABI_MAJOR, C.RECOUP_ABI_MINOR)
	}
	made = &instance{host: host{table}}
	if made.settings, err = readSettings(copied(config)); err != nil {
		return nil, err
	}
	if _, found := made.host.secret(made.settings.PasswordSecret); !found {
		return nil, fmt.Errorf("`password_secret` names the secret `%s`, which this channel is not given, "+
			"or which is empty or over 256 bytes", made.settings.PasswordSecret)
	}
	return made, nil
}

//export channelSend
func channelSend(number C.uintptr_t, callID C.uint64_t, times *C.recoup_call_v1, bytes C.recoup_bytes) C.int32_t {
	in := cgo.Handle(number).Value().(*instance)
	if !C.times_are_known(times) || bytes.len > C.RECOUP_MESSAGE_BYTES_MAX {
		return invalid
	}
	request, err := readSendRequest(copied(bytes))
	if err != nil {
		return invalid
	}
	if in.inFlight.Add(1) > inFlightMax {
		in.inFlight.Add(-1)
		return busy
	}
	made := &call{
		host:     in.host,
		settings: &in.settings,
		id:       uint64(callID),
		// It holds the monotonic clock, too, and by that alone it is measured.
		deadline: time.Now().Add(time.Duration(times.timeout_ms) * time.Millisecond),
		notAfter: int64(times.not_after_unix_ms),
		request:  request,
	}
	in.calls.Add(1)
	go func() {
		defer in.calls.Done()
		end := made.run()
		// The place is free first: the host may hand over the next call as soon as this one is
		// completed.
		in.inFlight.Add(-1)
		in.host.complete(made.id, end)
	}()
	return ok
}

// channelHealth says whether it could send. It asks no gateway: there is no request that certainly
// reaches nobody.
//
//export channelHealth
func channelHealth(number C.uintptr_t, callID C.uint64_t) C.int32_t {
	in := cgo.Handle(number).Value().(*instance)
	message := health(healthOK, "")
	if _, found := in.host.secret(in.settings.PasswordSecret); !found {
		message = health(healthDown, "the secret that `password_secret` names is not given any more")
	}
	in.host.complete(uint64(callID), end{statusOK, message})
	return ok
}

// channelDestroy waits for the calls in flight, each of which ends with its own time. They are not
// cut off: a request that is cut leaves a doubt, and one that is waited for has an answer.
//
//export channelDestroy
func channelDestroy(number C.uintptr_t) {
	handle := cgo.Handle(number)
	handle.Value().(*instance).calls.Wait()
	handle.Delete()
}

func main() {} // a library has none, and Go wants one
