// Package historytest reads the recorded series that lie beside the repository, in
// ../shared/data/history, and computes from their printed numbers what the warehouse
// should say of them: exactly, in rationals, and without the SQL, the plugins and the
// transforms that it checks.
//
// Where the folder is not, a test that asks for a series is left out.
package historytest
