package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lst-pipeline/lst-pipeline/config"
)

func newInit(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a commented configuration with public endpoints",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := os.MkdirAll(filepath.Dir(a.configPath), 0o755); err != nil {
				return err
			}
			flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
			if force {
				flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
			}
			f, err := os.OpenFile(a.configPath, flags, 0o644)
			if errors.Is(err, fs.ErrExist) {
				return withCode(exitUsage, fmt.Errorf("%s exists and stays as it is (--force overwrites it)", a.configPath))
			}
			if err != nil {
				return err
			}
			if _, err = f.Write(config.Default); err == nil {
				err = f.Close()
			} else {
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "wrote %s\nnext: pipeline run\n", a.configPath)
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return cmd
}
