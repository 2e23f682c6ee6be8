package checks

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/alchemiser/alchemiser/pkg/topology"
)

var (
	rate = regexp.MustCompile(`^rate\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\)$`)
	// Weekdays by name: the digits count from another day in every dialect.
	cron = regexp.MustCompile(`^cron\(([0-9]+) ([0-9]+) \? \* ((?:MON|TUE|WED|THU|FRI|SAT|SUN)(?:-(?:MON|TUE|WED|THU|FRI|SAT|SUN))?) \*\)$`)
)

// legalExpression knows the few forms that we use. Clocks change at night: a
// command between four and twenty-three is neither skipped nor given twice.
func legalExpression(schedule topology.Schedule, mode, scheduledTime string) error {
	if mode == "" {
		return errors.New("the command has no mode")
	}
	if rate.MatchString(schedule.Expression) {
		return nil
	}
	fields := cron.FindStringSubmatch(schedule.Expression)
	if fields == nil {
		return fmt.Errorf("expression %q: cron(minute hour ? * MON-FRI *) or rate(n minutes)", schedule.Expression)
	}
	if minute, err := strconv.Atoi(fields[1]); err != nil || minute > 59 {
		return fmt.Errorf("expression %q: minute %s", schedule.Expression, fields[1])
	}
	if hour, err := strconv.Atoi(fields[2]); err != nil || hour < 4 || hour > 22 {
		return fmt.Errorf("expression %q: hour %s is not between 4 and 22", schedule.Expression, fields[2])
	}
	if _, err := time.LoadLocation(schedule.Zone); err != nil || schedule.Zone == "" {
		return fmt.Errorf("zone %q is unknown", schedule.Zone)
	}
	if scheduledTime != "<aws.scheduler.scheduled-time>" {
		return errors.New("the command does not carry its planned time: a retry would be another run")
	}
	return nil
}
