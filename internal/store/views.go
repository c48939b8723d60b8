package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sort"
)

// viewFile is one file of sql/views, run as it stands.
type viewFile struct{ name, text string }

// readViews returns the files of sql/views in name order and their common hash.
// A missing folder is an empty one.
func readViews(files fs.FS) ([]viewFile, string, error) {
	names, err := fs.Glob(files, "views/*.sql")
	if err != nil {
		return nil, "", fmt.Errorf("list views: %w", err)
	}
	sort.Strings(names)
	views := make([]viewFile, 0, len(names))
	h := sha256.New()
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, "", fmt.Errorf("read views: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
		views = append(views, viewFile{name: name, text: string(text)})
	}
	return views, hex.EncodeToString(h.Sum(nil)), nil
}

// otherViews are these views as temporary ones, which hide those the database has; none
// if it has exactly these files.
func otherViews(ctx context.Context, db *sql.DB, files fs.FS) ([]string, error) {
	views, hash, err := readViews(files)
	if err != nil {
		return nil, err
	}
	var stored string
	err = db.QueryRowContext(ctx, `SELECT sha256 FROM schema_views`).Scan(&stored)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read the hash of the stored views: %w", err)
	}
	if stored == hash {
		return nil, nil
	}
	var texts []string
	for _, v := range views {
		texts = append(texts, temporary(v.text))
	}
	return texts, nil
}

// created is how the files of sql/views make a view or macro.
var created = regexp.MustCompile(`(?m)^CREATE OR REPLACE (VIEW|MACRO)`)

// temporary makes a file of views one of temporary views and macros.
func temporary(text string) string {
	return created.ReplaceAllString(text, "CREATE OR REPLACE TEMP $1")
}

// applyViews drops all views and macros and runs the files again, in one
// transaction, unless the database already has exactly these files.
func applyViews(ctx context.Context, db *sql.DB, files fs.FS) (changed bool, err error) {
	views, hash, err := readViews(files)
	if err != nil {
		return false, err
	}
	var stored string
	err = db.QueryRowContext(ctx, `SELECT sha256 FROM schema_views`).Scan(&stored)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("read the hash of the stored views: %w", err)
	}
	if stored == hash {
		return false, nil
	}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("replace views: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	drops, err := viewDrops(ctx, tx)
	if err != nil {
		return false, fmt.Errorf("list stored views: %w", err)
	}
	for _, stmt := range drops {
		if _, err := tx.ExecContext(ctx, stmt); err != nil {
			return false, fmt.Errorf("drop stored view: %w", err)
		}
	}
	for _, v := range views {
		if _, err := tx.ExecContext(ctx, v.text); err != nil {
			return false, fmt.Errorf("apply sql/%s: %w", v.name, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM schema_views`); err != nil {
		return false, fmt.Errorf("store the hash of the views: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO schema_views VALUES (?, current_timestamp::TIMESTAMP)`, hash); err != nil {
		return false, fmt.Errorf("store the hash of the views: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return false, fmt.Errorf("replace views: %w", err)
	}
	return true, nil
}

// viewDrops lists the statements that remove every view and macro of ours.
func viewDrops(ctx context.Context, tx *sql.Tx) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT 'DROP VIEW IF EXISTS "' || view_name || '"' FROM duckdb_views() WHERE NOT internal
		UNION
		SELECT 'DROP ' || CASE function_type WHEN 'table_macro' THEN 'MACRO TABLE' ELSE 'MACRO' END || ' IF EXISTS "' || function_name || '"'
		FROM duckdb_functions() WHERE NOT internal AND function_type IN ('macro', 'table_macro')`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}
