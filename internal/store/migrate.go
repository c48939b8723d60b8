package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// versionTable records the migrations that were applied.
const versionTable = "schema_migration"

// versions is goose's book of applied migrations in DuckDB, which goose itself no
// longer supports.
type versions struct{}

var _ database.Store = versions{}

func (versions) Tablename() string { return versionTable }

func (versions) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE `+versionTable+` (version BIGINT NOT NULL, applied_at TIMESTAMP NOT NULL)`)
	return err
}

func (versions) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	_, err := db.ExecContext(ctx, `INSERT INTO `+versionTable+` VALUES (?, current_timestamp::TIMESTAMP)`, req.Version)
	return err
}

func (versions) Delete(ctx context.Context, db database.DBTxConn, version int64) error {
	_, err := db.ExecContext(ctx, `DELETE FROM `+versionTable+` WHERE version = ?`, version)
	return err
}

func (versions) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	res := database.GetMigrationResult{IsApplied: true}
	err := db.QueryRowContext(ctx, `SELECT applied_at FROM `+versionTable+` WHERE version = ?`, version).Scan(&res.Timestamp)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, database.ErrVersionNotFound
	}
	return &res, err
}

func (versions) GetLatestVersion(ctx context.Context, db database.DBTxConn) (int64, error) {
	var v sql.NullInt64
	if err := db.QueryRowContext(ctx, `SELECT max(version) FROM `+versionTable).Scan(&v); err != nil {
		return 0, err
	}
	if !v.Valid {
		return 0, database.ErrVersionNotFound
	}
	return v.Int64, nil
}

func (versions) ListMigrations(ctx context.Context, db database.DBTxConn) ([]*database.ListMigrationsResult, error) {
	rows, err := db.QueryContext(ctx, `SELECT version FROM `+versionTable+` ORDER BY version DESC`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*database.ListMigrationsResult
	for rows.Next() {
		r := database.ListMigrationsResult{IsApplied: true}
		if err := rows.Scan(&r.Version); err != nil {
			return nil, err
		}
		list = append(list, &r)
	}
	return list, rows.Err()
}

// migrate applies what is missing, each migration in its own transaction, and
// reports whether anything was.
func migrate(ctx context.Context, db *sql.DB, files fs.FS) (bool, error) {
	p, err := provider(db, files)
	if err != nil {
		return false, err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return false, fmt.Errorf("migrate the warehouse: %w; a failed migration was rolled back", err)
	}
	return len(done) > 0, nil
}

// newestMigration is the schema version this program knows.
func newestMigration(db *sql.DB, files fs.FS) (int64, error) {
	p, err := provider(db, files)
	if err != nil {
		return 0, err
	}
	sources := p.ListSources()
	return sources[len(sources)-1].Version, nil
}

func provider(db *sql.DB, files fs.FS) (*goose.Provider, error) {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectCustom, db, sub,
		goose.WithStore(versions{}), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// schemaVersion reads the version of an opened database without writing. ok is
// false for a database that holds no migrations of ours; empty reports that it
// holds no tables at all.
func schemaVersion(ctx context.Context, db *sql.DB) (version int64, ok, empty bool, err error) {
	var tables, ours int64
	err = db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (table_name = '`+versionTable+`') FROM duckdb_tables() WHERE NOT internal`).Scan(&tables, &ours)
	if err != nil {
		return 0, false, false, fmt.Errorf("read schema version: %w", err)
	}
	if ours == 0 {
		return 0, false, tables == 0, nil
	}
	version, err = versions{}.GetLatestVersion(ctx, db)
	if errors.Is(err, database.ErrVersionNotFound) {
		return 0, true, false, nil
	}
	if err != nil {
		return 0, false, false, fmt.Errorf("read schema version: %w", err)
	}
	return version, true, false, nil
}
