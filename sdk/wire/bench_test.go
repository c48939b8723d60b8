package wire

import (
	"fmt"
	"math/big"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
)

// rowsToSend look like a backfill: few words, large values, one position a row.
func rowsToSend() []sdk.Observation {
	rows := make([]sdk.Observation, BatchRows)
	for i := range rows {
		rows[i] = sdk.Observation{
			Token: "reth", Metric: sdk.LSTSupply, Anchor: i % 100, Decimals: 18, Quality: sdk.QualityOK,
			Value: new(big.Int).Lsh(big.NewInt(int64(i)), 64),
			Source: sdk.Source{
				Method: "totalSupply()", Target: "0xae78736Cd615f374D3085123A210448E74Fc6393", Field: "word 0",
				Digest: fmt.Sprintf("%064x", i/10),
			},
		}
	}
	return rows
}

func BenchmarkEncode(b *testing.B) {
	rows := rowsToSend()
	for b.Loop() {
		batch, err := ToBatch(rows)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := proto.Marshal(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkDecode(b *testing.B) {
	batch, err := ToBatch(rowsToSend())
	if err != nil {
		b.Fatal(err)
	}
	bytes, err := proto.Marshal(batch)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var m pluginv1.ObservationBatch
		if err := proto.Unmarshal(bytes, &m); err != nil {
			b.Fatal(err)
		}
		if _, err := FromBatch(&m, 100); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(BatchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
