package main

import (
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// feed is one Chainlink price feed on Ethereum, at its proxy.
type feed struct {
	token sdk.TokenID // what is priced
	quote string      // in what
	proxy common.Address
	// maxAge is the heartbeat with some minutes of grace; an older answer is stale.
	maxAge time.Duration
	// deprecated is the day after which Chainlink no longer vouches for the feed; a
	// frozen feed still answers.
	deprecated time.Time
	// extra feeds are read only when the option "also" names their token, because
	// no plugin declares it yet and the host would reject the price.
	extra bool
}

// pair is the feed's name in options, for example "steth/ETH".
func (f feed) pair() string { return string(f.token) + "/" + f.quote }

// Heartbeats of ETH, BTC and USDC are those that guards of other protocols use.
// The others were not to be had: an hour is assumed for the assets Chainlink
// serves like ETH, a day for SOL and the tokens. The option max_age corrects them.
const (
	hourly = time.Hour + 10*time.Minute
	daily  = 24*time.Hour + 10*time.Minute
)

// rethDeprecated is when lenders moved off RETH/ETH; Chainlink's own last day is
// not known, the feed still moved on 2026-03-06.
var rethDeprecated = time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC)

// Feeds of exchange rates (they republish a contract's rate) are left out on
// purpose: they are no market price.
var feeds = []feed{
	{token: "ETH", quote: "USD", proxy: evm.MustAddress("0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419"), maxAge: hourly},
	{token: "SOL", quote: "USD", proxy: evm.MustAddress("0x4ffC43a60e009B551865A93d232E33Fce9f01507"), maxAge: daily},
	{token: "POL", quote: "USD", proxy: evm.MustAddress("0x7bAC85A8a13A4BcD8abb3eB7d6b4d632c5a57676"), maxAge: hourly}, // MATIC/USD, which POL took over one to one
	{token: "BTC", quote: "USD", proxy: evm.MustAddress("0xF4030086522a5bEEa4988F8cA5B36dbC97BeE88c"), maxAge: hourly},
	{token: "USDC", quote: "USD", proxy: evm.MustAddress("0x8fFfFfd4AfB6115b954Bd326cbe7B4BA576818f6"), maxAge: daily},

	{token: "steth", quote: "ETH", proxy: evm.MustAddress("0x86392dC19c0b719886221c78AB11eb8Cf5c52812"), maxAge: daily},
	{token: "steth", quote: "USD", proxy: evm.MustAddress("0xCfE54B5cD566aB89272946F602D76Ea879CAb4a8"), maxAge: hourly},
	{token: "reth", quote: "ETH", proxy: evm.MustAddress("0x536218f9E9Eb48863970252233c8F271f554C2d0"), maxAge: daily, deprecated: rethDeprecated},
	{token: "cbeth", quote: "ETH", proxy: evm.MustAddress("0xF017fcB346A1885194689bA23Eff2fE6fA5C483b"), maxAge: daily},

	{token: "weeth", quote: "ETH", proxy: evm.MustAddress("0x5c9C449BbC9a6075A2c061dF312a35fd1E05fF22"), maxAge: daily, extra: true},
	{token: "ezeth", quote: "ETH", proxy: evm.MustAddress("0x636A000262F6aA9e1F094ABF0aD8f645C44f641C"), maxAge: daily, extra: true},
	{token: "rseth", quote: "ETH", proxy: evm.MustAddress("0x03c68933f7a3F76875C0bc670a58e69294cDFD01"), maxAge: daily, extra: true},
	{token: "ethx", quote: "ETH", proxy: evm.MustAddress("0xC5f8c4aB091Be1A899214c0C3636ca33DcA0C547"), maxAge: daily, extra: true},
	{token: "meth", quote: "ETH", proxy: evm.MustAddress("0x5b563107C8666d2142C216114228443B94152362"), maxAge: daily, extra: true},
	{token: "sweth", quote: "ETH", proxy: evm.MustAddress("0xec21B3e882CE09928cb397DcfF31B15cBBD1e1C3"), maxAge: daily, extra: true},
	{token: "rsweth", quote: "ETH", proxy: evm.MustAddress("0xb613CfebD0b6e95abDDe02677d6bC42394FdB857"), maxAge: daily, extra: true},
	{token: "pufeth", quote: "ETH", proxy: evm.MustAddress("0xDe3f7Dd92C4701BCf59F47235bCb61e727c45f80"), maxAge: daily, extra: true},
	{token: "oeth", quote: "ETH", proxy: evm.MustAddress("0x703118C4CbccCBF2AB31913e0f8075fbbb15f563"), maxAge: daily, extra: true},
}

var (
	latestRoundData = evm.MustMethod("latestRoundData() returns (uint80,int256,uint256,uint256,uint80)")
	decimals        = evm.MustMethod("decimals() returns (uint8)")
)
