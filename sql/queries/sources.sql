-- name: sources
-- question: Where do the readings come from?
-- column: plugin | text | who read
-- column: version | text | of the plugin
-- column: checksum | text | first 12 digits of the plugin's SHA-256
-- column: chain | text | chain id
-- column: endpoint | text | alias of the endpoint; unknown: none was involved
-- column: methods | text | what was called
-- column: basis | text | onchain, published or api
-- column: readings | count | observations of the window
-- column: targets | count | different accounts, contracts or files
-- column: published_in | text | the files and where they come from; unknown for readings of a chain
-- column: oldest | time | block time of the first
-- column: newest | time | block time of the last
-- param: window | 365 | days looked back from as_of
-- param: as_of | now | the moment looked at, UTC
-- param: known_at | latest | use only what was known by then
-- caveat: Endpoints are aliases; an address or a key is never stored.
-- methodology: 1
SELECT plugin, plugin_version AS version, left(plugin_sha256, 12) AS checksum, chain_id AS chain, endpoint,
       string_agg(DISTINCT method, ', ' ORDER BY method) AS methods, basis, count(*) AS readings, count(DISTINCT target) AS targets,
       string_agg(DISTINCT target, '; ' ORDER BY target) FILTER (basis <> 'onchain') AS published_in,
       min(block_ts) AS oldest, max(block_ts) AS newest
FROM raw_observation
WHERE block_ts <= $as_of::TIMESTAMP AND block_ts > $as_of::TIMESTAMP - to_seconds($window::DOUBLE * 86400)
    AND fetched_at <= $known_at::TIMESTAMP
GROUP BY plugin, plugin_version, plugin_sha256, chain_id, endpoint, basis
ORDER BY plugin, chain, basis, endpoint, version;
