package sdk

// MetricDef defines one entry of the catalogue. The host stores the catalogue in
// dim_metric; docs/metrics.md is generated from it.
type MetricDef struct {
	ID         MetricID
	Kind       string // level | counter | ratio | flag | count | price | quote | setting
	Unit       string // native | shares | native_per_share | bps | usd | count | flag | fraction | height | seconds
	Definition string
	// AddTokens and AddTime say whether sums over tokens of one underlying asset,
	// or over time, mean anything.
	AddTokens, AddTime bool
	Version            int
	// Derived metrics are computed by the host's transforms; a plugin must not
	// emit them.
	Derived bool
}

// The metrics a plugin may emit, and those the transforms derive.
const (
	BackingNative         MetricID = "backing_native"
	BackingInternalNative MetricID = "backing_internal_native"
	BackingExternalNative MetricID = "backing_external_native"
	GrossStakeNative      MetricID = "gross_stake_native"
	StakingNative         MetricID = "staking_native"
	BufferNative          MetricID = "buffer_native"
	LSTSupply             MetricID = "lst_supply"
	LSTSupplyExternal     MetricID = "lst_supply_external"
	LSTSupplyReported     MetricID = "lst_supply_reported"
	LSTSupplyMint         MetricID = "lst_supply_mint"
	ExchangeRateMetric    MetricID = "exchange_rate"
	ExchangeRateClosed    MetricID = "exchange_rate_closed"
	FeeShares             MetricID = "fee_shares"
	ELRewardsCumulative   MetricID = "el_rewards_cumulative_native"

	FeeRewardBPS          MetricID = "fee_reward_bps"
	FeeRewardOperatorsBPS MetricID = "fee_reward_operators_bps"
	FeeRewardTreasuryBPS  MetricID = "fee_reward_treasury_bps"
	FeeRewardHoldersBPS   MetricID = "fee_reward_holders_bps"
	FeeRewardInsuranceBPS MetricID = "fee_reward_insurance_bps"
	FeeDepositBPS         MetricID = "fee_deposit_bps"
	FeeDepositStakeBPS    MetricID = "fee_deposit_stake_bps"
	FeeWithdrawBPS        MetricID = "fee_withdraw_bps"
	FeeInstantBPS         MetricID = "fee_instant_bps"
	FeeInstantMinBPS      MetricID = "fee_instant_min_bps"
	FeeInstantMaxBPS      MetricID = "fee_instant_max_bps"
	FeeNextRewardBPS      MetricID = "fee_next_reward_bps"
	FeeNextWithdrawBPS    MetricID = "fee_next_withdraw_bps"

	DepositMinNative      MetricID = "deposit_min_native"
	DepositCapacityNative MetricID = "deposit_capacity_native"
	WithdrawMinNative     MetricID = "withdraw_min_native"
	WithdrawMaxNative     MetricID = "withdraw_max_native"
	InstantCapacityNative MetricID = "instant_capacity_native"
	InstantTargetNative   MetricID = "instant_target_native"
	QueueNative           MetricID = "queue_native"
	QueueRequests         MetricID = "queue_requests"
	ClaimableNative       MetricID = "claimable_native"
	CoolingDownNative     MetricID = "cooling_down_native"
	TicketsNative         MetricID = "tickets_native"

	DepositsPaused      MetricID = "deposits_paused"
	WithdrawalsPaused   MetricID = "withdrawals_paused"
	ProtocolPaused      MetricID = "protocol_paused"
	BunkerMode          MetricID = "bunker_mode"
	DepositPermissioned MetricID = "deposit_permissioned"
	InstantClosed       MetricID = "instant_closed"
	DepositUnlimited    MetricID = "deposit_unlimited"

	Validators       MetricID = "validators"
	ValidatorsActive MetricID = "validators_active"
	ValidatorsExited MetricID = "validators_exited"
	Operators        MetricID = "operators"
	Modules          MetricID = "modules"
	OperatorStake    MetricID = "operator_stake_native"

	ReportHeight MetricID = "report_height"
	ChainHeight  MetricID = "chain_height"
	Price        MetricID = "price"
	ExitQuote    MetricID = "exit_quote"
	BenchmarkAPR MetricID = "benchmark_apr"
	APRClaimed   MetricID = "apr_claimed"
	APYClaimed   MetricID = "apy_claimed"

	InflationRate          MetricID = "inflation_rate"
	NetworkSupplyNative    MetricID = "network_supply_native"
	ValidatorCommissionBPS MetricID = "validator_commission_bps"
	SlotSeconds            MetricID = "slot_seconds"

	TVLReported MetricID = "tvl_reported_native"

	TVLNative   MetricID = "tvl_native"
	Utilisation MetricID = "utilisation"
)

// Catalogue lists every metric, in the order people should read them.
func Catalogue() []MetricDef { return append([]MetricDef(nil), catalogue...) }

// LookupMetric finds a metric of the catalogue.
func LookupMetric(id MetricID) (MetricDef, bool) {
	def, ok := byID[id]
	return def, ok
}

var byID = func() map[MetricID]MetricDef {
	m := make(map[MetricID]MetricDef, len(catalogue))
	for _, d := range catalogue {
		m[d.ID] = d
	}
	return m
}()

func level(id MetricID, unit, def string, add bool) MetricDef {
	return MetricDef{ID: id, Kind: "level", Unit: unit, Definition: def, AddTokens: add, Version: 1}
}

func of(kind string, id MetricID, unit, def string) MetricDef {
	return MetricDef{ID: id, Kind: kind, Unit: unit, Definition: def, Version: 1}
}

func derived(d MetricDef) MetricDef { d.Derived = true; return d }

var catalogue = []MetricDef{
	level(BackingNative, "native", "native assets owed to the holders of the token, everything included", true),
	level(BackingInternalNative, "native", "the part of backing_native run by the core protocol", true),
	level(BackingExternalNative, "native", "the part of backing_native minted against vaults outside the core protocol", true),
	level(GrossStakeNative, "native", "all stake the protocol runs, operators' bonds included", true),
	level(StakingNative, "native", "the part of backing_native that is earning staking rewards", true),
	level(BufferNative, "native", "the part of backing_native that lies idle and can be paid out or staked", true),
	level(LSTSupply, "shares", "shares outstanding over all addresses of the home chain; for a rebasing token the shares, not the balances", false),
	level(LSTSupplyExternal, "shares", "the part of lst_supply minted against vaults outside the core protocol", false),
	level(LSTSupplyReported, "shares", "the supply the last report of the protocol counted", false),
	level(LSTSupplyMint, "shares", "the supply the token's mint account states, where it can differ from the protocol's own count", false),
	of("ratio", ExchangeRateMetric, "native_per_share", "native asset one share redeems for, as the exact ratio the protocol itself uses; always native per share"),
	of("ratio", ExchangeRateClosed, "native_per_share", "exchange_rate at the close of the epoch named by ref_epoch"),
	of("counter", FeeShares, "shares", "shares minted to fee recipients by one report"),
	of("counter", ELRewardsCumulative, "native", "execution layer rewards collected since the start, a counter"),
	of("setting", FeeRewardBPS, "bps", "share of staking rewards the protocol keeps, all recipients together"),
	of("setting", FeeRewardOperatorsBPS, "bps", "part of the reward fee that goes to node operators"),
	of("setting", FeeRewardTreasuryBPS, "bps", "part of the reward fee that goes to the treasury"),
	of("setting", FeeRewardHoldersBPS, "bps", "part of the reward fee that goes to holders of the governance token"),
	of("setting", FeeRewardInsuranceBPS, "bps", "part of the reward fee that goes to an insurance fund"),
	of("setting", FeeDepositBPS, "bps", "fee on depositing the native asset"),
	of("setting", FeeDepositStakeBPS, "bps", "fee on depositing a stake account"),
	of("setting", FeeWithdrawBPS, "bps", "fee on the protocol's ordinary way out: queue, ticket or stake account"),
	of("setting", FeeInstantBPS, "bps", "fee on leaving at once through the protocol, for a small amount"),
	of("setting", FeeInstantMinBPS, "bps", "lowest fee of the instant route"),
	of("setting", FeeInstantMaxBPS, "bps", "highest fee of the instant route"),
	of("setting", FeeNextRewardBPS, "bps", "announced reward fee that is not yet in force"),
	of("setting", FeeNextWithdrawBPS, "bps", "announced withdrawal fee that is not yet in force"),
	of("setting", DepositMinNative, "native", "smallest deposit the protocol takes"),
	level(DepositCapacityNative, "native", "largest deposit the protocol takes now; unknown when it sets no limit, see deposit_unlimited", false),
	of("setting", WithdrawMinNative, "native", "smallest withdrawal request"),
	of("setting", WithdrawMaxNative, "native", "largest single withdrawal request"),
	level(InstantCapacityNative, "native", "native asset that can be redeemed from the protocol now without waiting", true),
	of("setting", InstantTargetNative, "native", "liquidity at which the instant route reaches its lowest fee"),
	level(QueueNative, "native", "native value waiting in the withdrawal queue, not yet payable", true),
	of("count", QueueRequests, "count", "requests waiting in the withdrawal queue"),
	level(ClaimableNative, "native", "native asset set aside for requests that are payable; not part of backing_native", true),
	level(CoolingDownNative, "native", "stake that is being deactivated", true),
	level(TicketsNative, "native", "native asset owed to open withdrawal tickets; not part of backing_native", true),
	of("flag", DepositsPaused, "flag", "1 when deposits are paused"),
	of("flag", WithdrawalsPaused, "flag", "1 when withdrawals are paused"),
	of("flag", ProtocolPaused, "flag", "1 when the whole protocol is stopped"),
	of("flag", BunkerMode, "flag", "1 when the protocol's protective mode is on"),
	of("flag", DepositPermissioned, "flag", "1 when deposits need somebody's signature"),
	of("flag", InstantClosed, "flag", "1 when nobody can use the instant route"),
	of("flag", DepositUnlimited, "flag", "1 when the protocol sets no deposit limit"),
	of("count", Validators, "count", "validators the protocol lists or has ever funded, exited ones included"),
	of("count", ValidatorsActive, "count", "validators that are running stake now"),
	of("count", ValidatorsExited, "count", "validators that have exited"),
	of("count", Operators, "count", "node operators"),
	of("count", Modules, "count", "staking modules or sub-pools"),
	level(OperatorStake, "native", "stake run by one operator, named by the label operator", false),
	of("setting", ReportHeight, "height", "block or slot the protocol's last report describes"),
	of("setting", ChainHeight, "height", "block or slot number the chain had reached at the time; the token names the chain's native asset"),
	of("price", Price, "quote per token", "market price of a token or asset in the asset named by the label quote"),
	of("quote", ExitQuote, "native", "native asset received for tokens worth size_native at redemption value, by route"),
	of("setting", BenchmarkAPR, "fraction", "the chain's own staking rate as an APR, fraction per year, as its source states it"),
	of("setting", APRClaimed, "fraction", "the yield a protocol claims for its token as an APR, fraction per year, as its source states it; shown beside a yield, never used for one"),
	of("setting", APYClaimed, "fraction", "the yield a protocol claims for its token as an APY, compounded, fraction per year, where its source states that and no APR; shown beside a yield, never used for one"),
	of("setting", InflationRate, "fraction", "native asset a chain issues to stakers in one of its own years, as a fraction of its supply"),
	level(NetworkSupplyNative, "native", "native asset in existence on the whole chain", false),
	of("ratio", ValidatorCommissionBPS, "bps", "commission validators charge on staking rewards, averaged by stake"),
	of("ratio", SlotSeconds, "seconds", "real time a slot of the chain takes, measured"),
	level(TVLReported, "native", "TVL as a third party reports it, for reconciliation only", false),
	derived(level(TVLNative, "native", "lst_supply × exchange_rate; must equal backing_native within tolerance", true)),
	derived(of("ratio", Utilisation, "fraction", "staking_native ÷ backing_native")),
}
