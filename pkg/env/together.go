package env

import (
	"context"
	"fmt"
	"strconv"
)

// Each runs f(ctx, 0) … f(ctx, n−1), at most that many side by side as most
// says, each in a lane of its own, and returns when all have ended: with the
// error of the first in their order that failed, whichever failed first. A
// panic in one of them is a panic of the caller. Without tasks they run one
// after the other.
func Each(ctx context.Context, tasks Tasks, n, most int, f func(ctx context.Context, k int) error) error {
	errs, panics := make([]error, n), make([]any, n)
	do := func(k int) {
		defer func() { panics[k] = recover() }()
		errs[k] = f(InLane(ctx, strconv.Itoa(k+1)), k)
	}
	if tasks == nil {
		for k := range n {
			do(k)
		}
	} else {
		tasks.Do(n, most, do)
	}
	for _, p := range panics {
		if p != nil {
			panic(fmt.Sprintf("%v (in work side by side)", p))
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Together is Each of different pieces of work, all side by side.
//
//	err := env.Together(ctx, tasks,
//		func(ctx context.Context) (err error) { account, err = b.Account(ctx); return err },
//		func(ctx context.Context) (err error) { clock, err = b.Clock(ctx); return err },
//	)
func Together(ctx context.Context, tasks Tasks, work ...func(ctx context.Context) error) error {
	return Each(ctx, tasks, len(work), len(work), func(ctx context.Context, k int) error { return work[k](ctx) })
}
