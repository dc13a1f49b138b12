package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// For one try. A call without a deadline can wait for ever.
	try = 10 * time.Second
	// For a call with all its tries; a restart of the server fits in.
	patience = time.Minute
)

// problem says why a call, or a row of an import, was not done.
type problem struct {
	code    codes.Code
	message string
	// A name of ErrorReason without its prefix; docs/errors has a page for each. Empty = the status came from
	// the way there, not from recoup.
	reason string
	// What is wrong with which field: all of it at once.
	fields []*errdetails.BadRequest_FieldViolation
	// When to try again, where the server says so.
	retryAfter *time.Duration
}

// problemOf reads the details of a status; status.Convert makes one of an error.
func problemOf(from *status.Status) problem {
	p := problem{code: from.Code(), message: from.Message()}
	for _, detail := range from.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			p.reason = detail.GetReason()
		case *errdetails.BadRequest:
			p.fields = detail.GetFieldViolations()
		case *errdetails.RetryInfo:
			delay := detail.GetRetryDelay().AsDuration()
			p.retryAfter = &delay
		}
	}
	return p
}

// helpsAgain says whether the same request may succeed later. After DEADLINE_EXCEEDED nobody knows whether it was
// done: the same request id makes it safe to ask again.
func (p problem) helpsAgain() bool {
	return p.retryAfter != nil || p.code == codes.Unavailable || p.code == codes.DeadlineExceeded
}

// codeName is the name of the code in the protocol, such as NOT_FOUND.
func (p problem) codeName() string {
	return code.Code(p.code).String()
}

func (p problem) fieldNames() []string {
	names := []string{}
	for _, violation := range p.fields {
		names = append(names, violation.GetField())
	}
	return names
}

// repeating makes an attempt until it is answered for good. Each attempt must send the very same request, request id
// included: the server does it once and answers each time as it answered first.
func repeating[Answer any](
	ctx context.Context, name string, attempt func(context.Context) (Answer, error),
) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for backoff := 100 * time.Millisecond; ; backoff = min(2*backoff, 2*time.Second) {
		answer, err := within(ctx, attempt)
		if err == nil {
			return answer, nil
		}
		p := problemOf(status.Convert(err))
		wait := backoff/2 + rand.N(backoff/2)
		if p.retryAfter != nil {
			wait = *p.retryAfter
		}
		if !p.helpsAgain() {
			return answer, err
		}
		fmt.Printf("again: %s in %v (%s)\n", name, wait.Round(time.Millisecond), p.codeName())
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(wait):
		}
	}
}

func within[Answer any](ctx context.Context, attempt func(context.Context) (Answer, error)) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, try)
	defer cancel()
	return attempt(ctx)
}

// call calls a method, such as CaseServiceClient.OpenCase.
func call[Request, Answer any](
	ctx context.Context, method func(context.Context, *Request, ...grpc.CallOption) (*Answer, error), request *Request,
) (*Answer, error) {
	return repeating(ctx, fmt.Sprintf("%T", request), func(ctx context.Context) (*Answer, error) {
		return method(ctx, request)
	})
}
