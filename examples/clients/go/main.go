// A lender's system and recoup: opens cases, imports a file, records a payment, follows the events.
//
// All of it may be run again: request ids follow from the lender's own references, so nothing is done twice.
package main

//go:generate npx --yes @bufbuild/buf@1.75.0 generate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "recoup.example/client/gen/recoup/v1"
)

func borrower(number int, mobile string) *pb.Party {
	return &pb.Party{
		LenderRef:   fmt.Sprintf("go-borrower-%d", number),
		DisplayName: "Zhang San",
		Kind:        pb.BorrowerKind_BORROWER_KIND_INDIVIDUAL,
		Regions:     []string{"CN"},
		Locale:      "en",
		ContactPoints: []*pb.ContactPoint{{
			Kind:     pb.ContactPointKind_CONTACT_POINT_KIND_MOBILE,
			Value:    mobile,
			Source:   "contract",
			Verified: true,
		}},
	}
}

func loan(number int) *pb.CaseInput {
	return &pb.CaseInput{
		LenderCaseRef: fmt.Sprintf("go-loan-%d", number),
		Jurisdiction:  "CN",
		LenderKind:    pb.LenderKind_LENDER_KIND_MICROLOAN_COMPANY,
		Facts: &pb.CaseFacts{
			Principal:           &money.Money{CurrencyCode: "CNY", Units: 5000},
			Overdue:             &money.Money{CurrencyCode: "CNY", Units: 600},
			OldestUnpaidDueDate: &date.Date{Year: 2026, Month: 3, Day: 1},
		},
	}
}

func openCase(ctx context.Context, service pb.CaseServiceClient) (string, error) {
	request := &pb.OpenCaseRequest{
		RequestId: "go-open-loan-1",
		Borrower:  &pb.OpenCaseRequest_Upsert{Upsert: borrower(1, "+8615400000021")},
		Case:      loan(1),
	}
	opened, err := call(ctx, service.OpenCase, request)
	if err != nil {
		return "", err
	}
	// An answer that got lost: the same request again opens nothing, and gives the same answer.
	again, err := call(ctx, service.OpenCase, request)
	if err != nil {
		return "", err
	}
	if again.GetCase().GetCaseId() != opened.GetCase().GetCaseId() {
		return "", errors.New("one request id opened two cases")
	}
	return opened.GetCase().GetCaseId(), nil
}

type badRow struct {
	Row    int64    `json:"row"`
	Reason string   `json:"reason"`
	Fields []string `json:"fields"`
}

// importFile streams the rows of a file; the second has a number that is none.
func importFile(ctx context.Context, service pb.CaseServiceClient) (opened []string, bad []badRow, err error) {
	answers, err := repeating(ctx, "ImportCases", func(ctx context.Context) ([]*pb.ImportCasesResponse, error) {
		return importRows(ctx, service, []string{"+8615400000022", "12345", "+8615400000024"})
	})
	for _, answer := range answers {
		if refused := answer.GetError(); refused != nil {
			p := problemOf(status.FromProto(refused))
			fmt.Printf("row %d: %s: %s\n", answer.GetRowNumber(), p.reason, p.message)
			bad = append(bad, badRow{answer.GetRowNumber(), p.reason, p.fieldNames()})
			continue
		}
		opened = append(opened, answer.GetCaseId())
	}
	return opened, bad, err
}

func importRows(
	ctx context.Context, service pb.CaseServiceClient, numbers []string,
) ([]*pb.ImportCasesResponse, error) {
	stream, err := service.ImportCases(ctx)
	if err != nil {
		return nil, err
	}
	// Answers come while rows still go out. Where a file is large, one of the two has to wait for the other if
	// both are done in turn.
	go func() {
		for i, mobile := range numbers {
			row := &pb.ImportCasesRequest{
				RequestId: "go-file-2026-04",
				RowNumber: int64(i) + 1,
				Borrower:  borrower(i+2, mobile),
				Case:      loan(i + 2),
			}
			if stream.Send(row) != nil {
				return // Recv says why.
			}
		}
		_ = stream.CloseSend()
	}()
	var answers []*pb.ImportCasesResponse
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return answers, nil
		}
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
}

func recordPayment(ctx context.Context, service pb.CaseServiceClient, caseID string) error {
	_, err := call(ctx, service.RecordPayment, &pb.RecordPaymentRequest{
		RequestId:  "go-payment-1",
		CaseId:     caseID,
		PaymentRef: "go-payment-1",
		Amount:     &money.Money{CurrencyCode: "CNY", Units: 250},
		// When the ledger booked it. The time of the call would make each run another payload.
		ReceivedTime: &timestamppb.Timestamp{Seconds: 1_775_000_000},
	})
	return err
}

// wrongPayment is a payment with all but everything wrong. The server says all of it at once.
func wrongPayment(ctx context.Context, service pb.CaseServiceClient, caseID string) (problem, error) {
	amount := &money.Money{CurrencyCode: "CNY", Units: -5}
	request := &pb.RecordPaymentRequest{RequestId: "go-wrong", CaseId: caseID, Amount: amount}
	_, err := call(ctx, service.RecordPayment, request)
	if err == nil {
		return problem{}, errors.New("the server took a payment of less than nothing")
	}
	p := problemOf(status.Convert(err))
	fmt.Printf("%s %s: %s\n", p.codeName(), p.reason, p.message)
	for _, violation := range p.fields {
		fmt.Printf("  %s: %s\n", violation.GetField(), violation.GetDescription())
	}
	return p, nil
}

func run(ctx context.Context) error {
	connection, err := connect()
	if err != nil {
		return err
	}
	defer connection.Close()
	service := pb.NewCaseServiceClient(connection)
	caseID, err := openCase(ctx, service)
	if err != nil {
		return err
	}
	opened, bad, err := importFile(ctx, service)
	if err != nil {
		return err
	}
	opened = append(opened, caseID)
	refused, err := wrongPayment(ctx, service, caseID)
	if err != nil {
		return err
	}

	following, stop := context.WithCancel(ctx)
	defer stop()
	follower := newFollower(pb.NewEventServiceClient(connection))
	ended := make(chan error, 1)
	go func() { ended <- follower.run(following) }()
	if err := follower.waitFor(ctx, pb.EventKind_EVENT_KIND_CASE_OPENED, opened); err != nil {
		return err
	}
	fmt.Println("restart please: stop the server, press Enter, start it")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')

	if err := recordPayment(ctx, service, caseID); err != nil {
		return err
	}
	if err := follower.waitFor(ctx, pb.EventKind_EVENT_KIND_PAYMENT_RECORDED, []string{caseID}); err != nil {
		return err
	}
	stop()
	if err := <-ended; err != nil {
		return err
	}
	return report(opened, bad, follower, refused)
}

func report(opened []string, bad []badRow, follower *follower, refused problem) error {
	positions := []int64{}
	for _, event := range follower.events {
		positions = append(positions, event.GetPosition())
	}
	breaks := []map[string]any{}
	for _, end := range follower.breaks {
		said := map[string]any{"code": end.codeName(), "reason": end.reason, "retry_after": nil}
		if end.retryAfter != nil {
			said["retry_after"] = end.retryAfter.Seconds()
		}
		breaks = append(breaks, said)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"opened":    slices.Sorted(slices.Values(opened)),
		"bad_rows":  bad,
		"paid":      slices.Sorted(maps.Keys(follower.cases(pb.EventKind_EVENT_KIND_PAYMENT_RECORDED))),
		"positions": positions,
		"cursor":    follower.cursor,
		"breaks":    breaks,
		"error":     map[string]any{"code": refused.codeName(), "reason": refused.reason, "fields": refused.fieldNames()},
	})
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
