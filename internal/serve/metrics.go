package serve

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/lst-pipeline/lst-pipeline/internal/ingest"
	"github.com/lst-pipeline/lst-pipeline/internal/store"
	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// metrics are what the daemon counts itself; the rest is asked for at each scrape.
type metrics struct {
	registry *prometheus.Registry
	tasks    *prometheus.CounterVec
	rows     *prometheus.CounterVec
	rejects  *prometheus.CounterVec
	requests *prometheus.CounterVec
	calls    *prometheus.CounterVec
	errors   *prometheus.CounterVec
	duration *prometheus.HistogramVec
	passes   *prometheus.HistogramVec
	failed   *prometheus.CounterVec
	reloadOK prometheus.Gauge
}

var seriesLabels = []string{"job", "plugin", "chain"}

func newMetrics(d *Daemon) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		tasks:    counter("lst_tasks_total", "Ticks that came to an end, by their state in the ledger.", append(seriesLabels, "state")...),
		rows:     counter("lst_rows_total", "Facts of finished ticks.", seriesLabels...),
		rejects:  counter("lst_rejects_total", "Rows that checks refused.", seriesLabels...),
		requests: counter("lst_task_requests_total", "HTTP requests that ticks cost.", seriesLabels...),
		calls:    counter("lst_task_calls_total", "RPC calls in them: one request can carry many.", seriesLabels...),
		errors:   counter("lst_task_errors_total", "Ticks that ended with an error, by its class.", append(seriesLabels, "class")...),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lst_task_duration_seconds", Help: "Time from the start of a fetch to the commit of a tick.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, seriesLabels),
		passes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lst_job_duration_seconds", Help: "Time of runs of a job that had something to do.",
			Buckets: []float64{.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
		}, []string{"job"}),
		failed:   counter("lst_job_failures_total", "Runs of a job that could not go on, the database's troubles included.", "job"),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lst_config_last_reload_successful", Help: "0 after a reload of the configuration was refused."}),
	}
	m.reloadOK.Set(1)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lst_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": d.opts.Version},
	})
	info.Set(1)
	m.registry.MustRegister(m.tasks, m.rows, m.rejects, m.requests, m.calls, m.errors, m.duration, m.passes, m.failed, m.reloadOK, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &scrape{d})
	return m
}

func (m *metrics) reloaded(ok bool) {
	m.reloadOK.Set(0)
	if ok {
		m.reloadOK.Set(1)
	}
}

// passed counts what a pass did.
func (m *metrics) passed(job string, sum ingest.Summary, err error, took time.Duration) {
	if err != nil && !errors.Is(err, context.Canceled) {
		m.failed.WithLabelValues(job).Inc()
	}
	if len(sum.Outcomes) > 0 {
		m.passes.WithLabelValues(job).Observe(took.Seconds())
	}
	for _, o := range sum.Outcomes {
		series := []string{o.Job, o.Plugin, string(o.Chain)}
		m.tasks.WithLabelValues(append(series, o.State)...).Inc()
		m.rows.WithLabelValues(series...).Add(float64(o.Rows))
		m.rejects.WithLabelValues(series...).Add(float64(o.Rejects))
		m.requests.WithLabelValues(series...).Add(float64(o.Requests))
		m.calls.WithLabelValues(series...).Add(float64(o.Calls))
		if o.Kind != "" && o.Kind != sdk.KindNoData {
			m.errors.WithLabelValues(append(series, string(o.Kind))...).Inc()
		}
		if o.Took > 0 {
			m.duration.WithLabelValues(series...).Observe(o.Took.Seconds())
		}
	}
}

// scrape asks the ledger, the gateway, the host and the database when it is asked.
type scrape struct{ d *Daemon }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	lastSuccess = desc("lst_last_success_timestamp_seconds", "When the newest complete tick was stored.", seriesLabels...)
	newestTick  = desc("lst_newest_tick_timestamp_seconds", "The newest complete tick.", seriesLabels...)
	lag         = desc("lst_lag_seconds", "Time since the newest complete tick.", seriesLabels...)
	ticks       = desc("lst_ticks", "Ticks in the ledger by their state; failed, partial, quarantined, unrecoverable and superseded ones are holes.", append(seriesLabels, "state")...)
	stale       = desc("lst_stale", "1 if the newest complete tick is two periods old, or there is none.", append(seriesLabels, "required")...)

	pluginUp      = desc("lst_plugin_processes", "Running processes.", "plugin")
	pluginRSS     = desc("lst_plugin_resident_bytes", "Resident memory of the running processes.", "plugin")
	pluginPeak    = desc("lst_plugin_peak_resident_bytes", "The most resident memory of the process that ended last; absent if none has, or it is not known.", "plugin")
	pluginStarts  = desc("lst_plugin_starts_total", "Processes started.", "plugin")
	pluginCrashes = desc("lst_plugin_restarts_total", "Processes that ended without being asked to, so that another one had to start.", "plugin")

	endpointLabels   = []string{"chain", "endpoint"}
	endpointRequests = desc("lst_rpc_requests_total", "HTTP requests.", endpointLabels...)
	endpointCalls    = desc("lst_rpc_calls_total", "JSON-RPC calls in them.", endpointLabels...)
	endpointRetries  = desc("lst_rpc_retries_total", "Attempts after the first.", endpointLabels...)
	endpointBytes    = desc("lst_rpc_bytes_total", "Bytes sent and received.", endpointLabels...)
	endpointErrors   = desc("lst_rpc_errors_total", "Errors by class.", append(endpointLabels, "class")...)
	endpointBudget   = desc("lst_rpc_budget_left", "Calls that may be made now; absent without a limit.", endpointLabels...)
	endpointUp       = desc("lst_rpc_endpoint_up", "1 unless the endpoint rests after failures or serves another chain.", append(endpointLabels, "state")...)

	warehouseBytes = desc("lst_warehouse_bytes", "Size of the database file.")
	warehouseWAL   = desc("lst_warehouse_wal_bytes", "Size of the write-ahead log.")
	writerUp       = desc("lst_warehouse_writable", "1 if the last look found the writer working.")
	publishedOK    = desc("lst_published_ok", "0 if the newest try to make a copy for readers failed.")
	publishedAge   = desc("lst_published_age_seconds", "Age of the newest copy for readers; absent if there is none.")
	plannerSilence = desc("lst_planner_silence_seconds", "Time since the planner's last sign of life.")
)

func (s *scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lastSuccess, newestTick, lag, ticks, stale, pluginUp, pluginRSS, pluginPeak, pluginStarts, pluginCrashes, endpointRequests, endpointCalls,
		endpointRetries, endpointBytes, endpointErrors, endpointBudget, endpointUp, warehouseBytes, warehouseWAL, writerUp,
		publishedOK, publishedAge, plannerSilence,
	} {
		ch <- d
	}
}

func (s *scrape) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gen, now := s.d.gen.Load(), time.Now().UTC()
	if gen == nil {
		return
	}
	if all, err := Coverage(ctx, s.d.opts.Warehouse, gen.specs(), now); err != nil {
		ch <- prometheus.NewInvalidMetric(lag, err)
	} else {
		for _, one := range all {
			labels := []string{one.Job, one.Plugin, one.Chain}
			if !one.Newest.IsZero() {
				gauge(newestTick, seconds(one.Newest), labels...)
				gauge(lag, now.Sub(one.Newest).Seconds(), labels...)
			}
			if len(one.Ticks) > 0 {
				for _, state := range append([]string{store.StateHave, store.StateDue, store.StateRunning}, HoleStates...) {
					gauge(ticks, float64(one.Ticks[state]), append(labels, state)...)
				}
			}
			if !one.Ended.IsZero() {
				gauge(lastSuccess, seconds(one.Ended), labels...)
			}
			if !one.Expected.IsZero() {
				gauge(stale, bit(one.Stale), append(labels, yesNo(one.Required))...)
			}
		}
	}
	if gen.Plugins != nil {
		for _, p := range gen.Plugins() {
			gauge(pluginUp, float64(p.Running), p.Plugin)
			gauge(pluginRSS, float64(p.RSS), p.Plugin)
			if p.PeakRSS > 0 {
				gauge(pluginPeak, float64(p.PeakRSS), p.Plugin)
			}
			count(pluginStarts, p.Starts, p.Plugin)
			count(pluginCrashes, p.Crashes, p.Plugin)
		}
	}
	if gen.Endpoints != nil {
		for _, e := range gen.Endpoints() {
			labels := []string{string(e.Chain), e.Alias}
			count(endpointRequests, e.Requests, labels...)
			count(endpointCalls, e.Calls, labels...)
			count(endpointRetries, e.Retries, labels...)
			count(endpointBytes, e.Bytes, labels...)
			for class, n := range e.Errors {
				count(endpointErrors, n, append(labels, class)...)
			}
			if !e.Unlimited {
				gauge(endpointBudget, e.BudgetLeft, labels...)
			}
			gauge(endpointUp, bit(e.State == "closed" || e.State == "half-open"), append(labels, e.State)...)
		}
	}
	if size, err := s.d.opts.Warehouse.Size(ctx); err != nil {
		ch <- prometheus.NewInvalidMetric(warehouseBytes, err)
	} else {
		gauge(warehouseBytes, float64(size.Database))
		gauge(warehouseWAL, float64(size.WAL))
	}
	if state := s.d.writer.Load(); state != nil {
		gauge(writerUp, bit(state.err == nil))
	}
	gauge(publishedOK, bit(!s.d.copied.failing()))
	if age, ok := s.d.copied.age(); ok {
		gauge(publishedAge, age.Seconds())
	}
	gauge(plannerSilence, s.d.sinceBeat().Seconds())
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
