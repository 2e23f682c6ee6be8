package money

// Tick is the smallest price step of a US equity order: $0.01 at or above
// $1.00, $0.0001 below (SEC Rule 612, Regulation NMS).
func Tick(price Decimal) Decimal { return One().Shift(-tickPlaces(price)) }

// FloorTick rounds a price down to its tick, for buys: never past the cap.
func FloorTick(price Decimal) Decimal { return price.Floor(tickPlaces(price)) }

// CeilTick rounds a price up to its tick, for sells: never past the cap.
func CeilTick(price Decimal) Decimal { return price.Ceil(tickPlaces(price)) }

func tickPlaces(price Decimal) int32 {
	if price.Less(One()) {
		return 4
	}
	return 2
}
