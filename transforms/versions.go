package transforms

// The transforms, as facts name them. A change of a formula is a new version, so
// that stored facts say which one made them.
const (
	ScaleTransform       = "scale@1"          // Value ÷ Divisor ÷ 10^Decimals
	PriceTransform       = "price@1"          // scale, with quote and venue from the labels
	ExitQuoteTransform   = "exit_quote@1"     // scale, with route, size and wait from the labels
	OperatorTransform    = "operator_stake@1" // scale, with the operator from the labels
	TVLNativeTransform   = "tvl_native@1"     // lst_supply × exchange_rate
	UtilisationTransform = "utilisation@1"    // staking_native ÷ backing_native
)
