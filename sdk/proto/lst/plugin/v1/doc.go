// Package pluginv1 is the wire between the pipeline and a plugin process, generated from
// plugin.proto, which says what travels and how. A plugin in Go is written against
// package sdk instead; packages wire, serve and host translate.
//
// Version 1 of the wire stays readable; nothing is promised about the Go code.
package pluginv1
