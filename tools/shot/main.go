// Command shot pictures a page at several widths, light and dark, with a browser
// it finds as CHROME or in PATH. `make screenshots` runs it. It promises small
// files, not pixel-equal ones: fonts differ between machines.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func main() {
	out := flag.String("out", "docs/images", "folder of the pictures")
	widths := flag.String("widths", "390,1280,1920", "widths, CSS pixels")
	height := flag.Int64("height", 1500, "height, CSS pixels; 0 is the whole page")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: shot [flags] PAGE.html")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out, *widths, *height); err != nil {
		fmt.Fprintln(os.Stderr, "shot:", err)
		os.Exit(1)
	}
}

func run(file, out, widths string, height int64) error {
	abs, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	chrome, err := browser()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	profile, err := os.MkdirTemp("", "shot")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chrome), chromedp.UserDataDir(profile), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	ctx, stop := chromedp.NewExecAllocator(ctx, flags...)
	defer stop()
	ctx, closeTab := chromedp.NewContext(ctx)
	defer closeTab()
	for _, text := range strings.Split(widths, ",") {
		width, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return fmt.Errorf("width %q: %w", text, err)
		}
		for _, mode := range []string{"light", "dark"} {
			name := filepath.Join(out, fmt.Sprintf("report-%d-%s.png", width, mode))
			if err := shoot(ctx, (&url.URL{Scheme: "file", Path: abs}).String(), name, width, height, mode); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Println(name)
		}
	}
	return nil
}

func shoot(ctx context.Context, address, name string, width, height int64, mode string) error {
	phone := []chromedp.EmulateViewportOption{}
	if width < 500 {
		phone = append(phone, chromedp.EmulateMobile)
	}
	if err := chromedp.Do(ctx,
		chromedp.EmulateViewport(width, max(height, 800), phone...),
		chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: mode}},
			})
			return err
		}),
		chromedp.Navigate(address)); err != nil {
		return err
	}
	beyond := height == 0
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
	if err != nil {
		return err
	}
	small, err := smaller(shot.Data)
	if err != nil {
		return err
	}
	return os.WriteFile(name, small, 0o644)
}

// smaller packs a picture as tight as the format allows.
func smaller(data []byte) ([]byte, error) {
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, picture); err != nil {
		return nil, err
	}
	if out.Len() > len(data) {
		return data, nil
	}
	return out.Bytes(), nil
}

func browser() (string, error) {
	if path := os.Getenv("CHROME"); path != "" {
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("chromium is not installed; install it, or set CHROME")
}
