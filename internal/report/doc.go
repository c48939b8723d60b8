// Package report shows the warehouse to a reader: as a terminal report, as one
// static HTML page, and as the page of the dashboard.
//
// Collect asks the named queries of sql/queries once each; the package arranges
// and draws their rows and computes no figure of its own. Every figure keeps its
// window, its moment, its basis mark (◆ on-chain, ◇ derived, △ published or API,
// ✎ manual) and its state word. What the queries withhold shows as — with the
// reason, never as 0.
//
// The charts are SVG templates of this package rather than a chart library's:
// the page forbids inline style attributes, follows light and dark, and lets
// tests and screen readers read each mark. go-analyze/charts writes style
// attributes with fixed colours and knows neither steps nor log axes.
//
// It promises no completeness: a page shows what the warehouse has, and says what
// is missing.
package report
