package wire

import (
	"fmt"
	"math"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	pluginv1 "github.com/lst-pipeline/lst-pipeline/sdk/proto/lst/plugin/v1"
)

// ToDescription encodes what a plugin says about itself.
func ToDescription(d sdk.Description) *pluginv1.DescribeResponse {
	m := &pluginv1.DescribeResponse{Name: d.Name, Version: d.Version, Summary: d.Summary}
	for _, p := range d.Protocols {
		m.Protocols = append(m.Protocols, toProtocol(p))
	}
	for _, t := range d.Tokens {
		m.Tokens = append(m.Tokens, &pluginv1.Token{
			Id:              string(t.ID),
			Protocol:        string(t.Protocol),
			Chain:           string(t.Chain),
			Symbol:          t.Symbol,
			Address:         t.Address,
			Decimals:        uint32(t.Decimals),
			Underlying:      string(t.Underlying),
			Accrual:         string(t.Accrual),
			RateOf:          string(t.RateOf),
			ExpectedUpdateS: int64(t.ExpectedUpdate / time.Second),
			StaleAfterS:     int64(t.StaleAfter / time.Second),
			RateNeverFalls:  t.RateNeverFalls,
		})
	}
	for _, id := range d.Metrics {
		m.Metrics = append(m.Metrics, string(id))
	}
	for _, c := range d.Chains {
		m.Chains = append(m.Chains, &pluginv1.ChainNeed{
			Chain:      string(c.Chain),
			ReadsPast:  c.ReadsPast,
			FromHeight: c.From,
			Offline:    c.Offline,
			MaxAnchors: ToProgress(c.MaxAnchors, 0).Done,
			Paths:      c.Paths,
		})
	}
	return m
}

// FromDescription decodes what a plugin says about itself. Whether that makes
// sense is for the host to check.
func FromDescription(m *pluginv1.DescribeResponse) (sdk.Description, error) {
	d := sdk.Description{Name: m.GetName(), Version: m.GetVersion(), Summary: m.GetSummary()}
	for _, p := range m.GetProtocols() {
		d.Protocols = append(d.Protocols, fromProtocol(p))
	}
	for _, t := range m.GetTokens() {
		token, err := fromToken(t)
		if err != nil {
			return sdk.Description{}, fmt.Errorf("description: token %q: %w", t.GetId(), err)
		}
		d.Tokens = append(d.Tokens, token)
	}
	for _, id := range m.GetMetrics() {
		d.Metrics = append(d.Metrics, sdk.MetricID(id))
	}
	for _, c := range m.GetChains() {
		if c.GetMaxAnchors() > math.MaxInt32 {
			return sdk.Description{}, fmt.Errorf("description: chain %q: max_anchors: %d is too many", c.GetChain(), c.GetMaxAnchors())
		}
		d.Chains = append(d.Chains, sdk.ChainNeed{
			Chain:      sdk.ChainID(c.GetChain()),
			ReadsPast:  c.GetReadsPast(),
			From:       c.GetFromHeight(),
			Offline:    c.GetOffline(),
			MaxAnchors: int(c.GetMaxAnchors()),
			Paths:      c.GetPaths(),
		})
	}
	return d, nil
}

func toProtocol(p sdk.Protocol) *pluginv1.Protocol {
	m := &pluginv1.Protocol{
		Id:             string(p.ID),
		Name:           p.Name,
		Status:         p.Status,
		Launched:       p.Launched,
		DepositsClosed: p.DepositsClosed,
		Sunset:         p.Sunset,
		Governance:     p.Governance,
		NodeSet:        p.NodeSet,
		TvlBasis:       p.TVLBasis,
		Website:        p.Website,
	}
	for _, f := range p.Fees {
		m.Fees = append(m.Fees, &pluginv1.AdvertisedFee{
			Type: f.Type, Bps: f.BPS, Recipient: f.Recipient, From: f.From, To: f.To, Source: f.Source,
		})
	}
	return m
}

func fromProtocol(m *pluginv1.Protocol) sdk.Protocol {
	p := sdk.Protocol{
		ID:             sdk.ProtocolID(m.GetId()),
		Name:           m.GetName(),
		Status:         m.GetStatus(),
		Launched:       m.GetLaunched(),
		DepositsClosed: m.GetDepositsClosed(),
		Sunset:         m.GetSunset(),
		Governance:     m.GetGovernance(),
		NodeSet:        m.GetNodeSet(),
		TVLBasis:       m.GetTvlBasis(),
		Website:        m.GetWebsite(),
	}
	for _, f := range m.GetFees() {
		p.Fees = append(p.Fees, sdk.AdvertisedFee{
			Type: f.GetType(), BPS: f.GetBps(), Recipient: f.GetRecipient(),
			From: f.GetFrom(), To: f.GetTo(), Source: f.GetSource(),
		})
	}
	return p
}

func fromToken(m *pluginv1.Token) (sdk.Token, error) {
	if m.GetDecimals() > math.MaxUint8 {
		return sdk.Token{}, fmt.Errorf("decimals: %d, the limit is 255", m.GetDecimals())
	}
	expected, err := fromDuration(m.GetExpectedUpdateS())
	if err != nil {
		return sdk.Token{}, fmt.Errorf("expected_update_s: %w", err)
	}
	stale, err := fromDuration(m.GetStaleAfterS())
	if err != nil {
		return sdk.Token{}, fmt.Errorf("stale_after_s: %w", err)
	}
	return sdk.Token{
		ID:             sdk.TokenID(m.GetId()),
		Protocol:       sdk.ProtocolID(m.GetProtocol()),
		Chain:          sdk.ChainID(m.GetChain()),
		Symbol:         m.GetSymbol(),
		Address:        m.GetAddress(),
		Decimals:       uint8(m.GetDecimals()),
		Underlying:     sdk.TokenID(m.GetUnderlying()),
		Accrual:        sdk.Accrual(m.GetAccrual()),
		RateOf:         sdk.TokenID(m.GetRateOf()),
		ExpectedUpdate: expected,
		StaleAfter:     stale,
		RateNeverFalls: m.GetRateNeverFalls(),
	}, nil
}

func fromDuration(seconds int64) (time.Duration, error) {
	if seconds < 0 || seconds > int64(math.MaxInt64/time.Second) {
		return 0, fmt.Errorf("%d seconds is not a duration", seconds)
	}
	return time.Duration(seconds) * time.Second, nil
}
