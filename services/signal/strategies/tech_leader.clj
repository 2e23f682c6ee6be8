; Technology leader
;
; Holds the stronger of NVDA and MSFT while the larger picture is healthy, and
; part of the money in EDZ (a threefold short position on emerging markets)
; when both fall.
;
; 1. MSFT above its 200-day average: the market for technology is healthy.
;    - NVDA has risen so fast that a pause is likely (10-day RSI above 80):
;      take half of it off and hold MSFT with the rest.
;    - otherwise hold the one of the two that rose more over 60 days, with a
;      quarter in the other one.
; 2. MSFT below its 200-day average, and NVDA lost over the last 20 days:
;    three quarters MSFT, one quarter EDZ as insurance.
; 3. MSFT below its average while NVDA rises: both, in equal parts.
;
; Longest look back: 250 bars (10-day RSI with its warm-up).
(defsymphony "Technology leader" {:asset-class "EQUITIES", :rebalance-frequency :daily}
  (if (> (current-price "MSFT") (moving-average-price "MSFT" {:window 200}))
    [(if (> (rsi "NVDA" {:window 10}) 80)
       [(group "NVDA is overbought"
          [(weight-specified
             0.5 (asset "NVDA" "NVIDIA")
             0.5 (asset "MSFT" "Microsoft"))])]
       [(group "The stronger one leads"
          [(weight-specified
             0.75 (filter (cumulative-return {:window 60}) (select-top 1)
                    [(asset "NVDA" "NVIDIA") (asset "MSFT" "Microsoft")])
             0.25 (filter (cumulative-return {:window 60}) (select-bottom 1)
                    [(asset "NVDA" "NVIDIA") (asset "MSFT" "Microsoft")]))])])]
    [(if (< (cumulative-return "NVDA" {:window 20}) 0)
       [(group "Both fall"
          [(weight-specified
             0.75 (asset "MSFT" "Microsoft")
             0.25 (asset "EDZ" "Emerging markets, 3x short"))])]
       [(weight-equal [(asset "NVDA" "NVIDIA") (asset "MSFT" "Microsoft")])])]))
