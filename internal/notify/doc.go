// Package notify tells people that something in the warehouse began to be wrong,
// once, and that it is over, once.
//
// What is wrong now is read from the warehouse's own views; what was told is kept
// in the table alert_state, so a restart forgets nothing. A message that a receiver
// did not take is sent again, later and later, in order. The one case in which a
// receiver may get a message twice is a process that dies between sending and
// noting it; the message's id is then the same.
//
// A receiver's address never reaches a log, an error or the database. The package
// does not decide what is wrong: the views and the ledger do, and the threshold of
// a depeg is the receiver's.
package notify
