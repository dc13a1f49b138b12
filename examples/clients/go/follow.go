package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "recoup.example/client/gen/recoup/v1"
)

// follower reads the events of the lender: nothing missed, nothing twice, over breaks of the connection and restarts.
type follower struct {
	service pb.EventServiceClient

	lock sync.Mutex
	// Closed and made anew with each event and each break.
	changed chan struct{}
	// In commit order.
	events []*pb.Event
	// A lender's system keeps it with what it made of the events, in one transaction.
	cursor string
	// How streams ended.
	breaks []problem
}

func newFollower(service pb.EventServiceClient) *follower {
	return &follower{service: service, changed: make(chan struct{})}
}

// run follows until ctx ends, or until the server says what no repetition mends.
func (f *follower) run(ctx context.Context) error {
	backoff := 100 * time.Millisecond
	for {
		before := f.cursor
		err := f.read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		p := problemOf(status.Convert(err))
		f.note(func() { f.breaks = append(f.breaks, p) })
		if !p.helpsAgain() {
			return fmt.Errorf("the watch ended: %w", err)
		}
		backoff = min(2*backoff, 2*time.Second)
		if f.cursor != before {
			backoff = 100 * time.Millisecond
		}
		wait := backoff
		if p.retryAfter != nil {
			wait = *p.retryAfter
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// read reads one stream to its end, which is always an error.
func (f *follower) read(ctx context.Context) error {
	// No deadline: a watch has no end. Keepalive finds out where the server is gone.
	stream, err := f.service.WatchEvents(ctx, &pb.WatchEventsRequest{Cursor: f.cursor})
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			// io.EOF too: a watch has no end.
			if status.Code(err) == codes.Unknown {
				err = status.Error(codes.Unavailable, err.Error())
			}
			return err
		}
		f.note(func() {
			// A message without an event is a sign of life; its cursor counts all the same.
			if message.GetEvent() != nil {
				f.events = append(f.events, message.GetEvent())
			}
			f.cursor = message.GetCursor()
		})
	}
}

func (f *follower) note(change func()) {
	f.lock.Lock()
	defer f.lock.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// cases are the cases that had an event of this kind.
func (f *follower) cases(kind pb.EventKind) map[string]bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	had := map[string]bool{}
	for _, event := range f.events {
		if event.GetKind() == kind {
			had[event.GetCaseId()] = true
		}
	}
	return had
}

// waitFor waits until all of these cases had an event of this kind.
func (f *follower) waitFor(ctx context.Context, kind pb.EventKind, cases []string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		f.lock.Lock()
		changed := f.changed
		f.lock.Unlock()
		had := f.cases(kind)
		missing := 0
		for _, id := range cases {
			if !had[id] {
				missing++
			}
		}
		if missing == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d cases have no event %v: %w", missing, kind, context.Cause(ctx))
		}
	}
}
