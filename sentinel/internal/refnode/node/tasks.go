package node

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sentinel-official/sentinel-go-sdk/libs/cron"
	"github.com/sentinel-official/sentinel-go-sdk/libs/geoip"

	"sovereign-gate/sentinel/internal/refnode/settings"
)

// locationTimeout bounds one look at the own location.
const locationTimeout = 5 * time.Second

// chainRetryDelay gives a failed transaction time to leave the mempool.
const chainRetryDelay = 5 * time.Second

// schedule lists the recurring tasks. Each runs at once and then in its interval; the scheduler tries
// a failed one again a few times and logs it at debug level.
func schedule(
	every settings.Intervals, h *hub, k *keeper, place *atomic.Pointer[geoip.Location],
) (*cron.Scheduler, error) {
	look := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, locationTimeout)
		defer cancel()

		found, err := geoip.NewDefaultClient().Get(ctx, "")
		if err != nil {
			return err
		}

		place.Store(found)

		return nil
	}
	count := func(ctx context.Context) error { return k.countUsage(ctx, every.UsageToStore) }

	scheduler := cron.NewScheduler("tasks")

	return scheduler, scheduler.Register(
		task("location", every.Location, look),
		task("status", every.Status, h.activate).WithRetryDelay(chainRetryDelay),
		task("usage-to-store", every.UsageToStore, count),
		task("usage-to-hub", every.UsageToHub, k.reportUsage).WithRetryDelay(chainRetryDelay),
		task("limits", every.Limits, k.enforceLimits),
		task("sessions", every.Sessions, k.forgetEnded),
	)
}

func task(name string, every time.Duration, run func(context.Context) error) *cron.BasicWorker {
	return cron.NewBasicWorker(name).WithInterval(every).WithHandler(run)
}
