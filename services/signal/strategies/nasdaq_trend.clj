; Nasdaq trend
;
; Rides the Nasdaq 100 with leverage while it trends upwards, and steps aside
; when it does not.
;
; 1. QQQ above its 200-day average: an uptrend.
;    - TQQQ overheated (10-day RSI above 79): wait in short Treasuries (SHY).
;    - otherwise hold TQQQ, cushioned with QQQ.
; 2. QQQ below its 200-day average: a downtrend.
;    - TQQQ washed out (10-day RSI below 31): a rebound is likely, hold QQQ.
;    - QQQ below its 20-day average as well: mostly SHY, a little SQQQ.
;    - otherwise the better of two bond funds (TLT, IEF) over 20 days.
;
; Longest look back: 250 bars (10-day RSI with its warm-up).
(defsymphony "Nasdaq trend" {:asset-class "EQUITIES", :rebalance-frequency :daily}
  (if (> (current-price "QQQ") (moving-average-price "QQQ" {:window 200}))
    [(if (> (rsi "TQQQ" {:window 10}) 79)
       [(asset "SHY" "Short Treasuries")]
       [(group "Uptrend"
          [(weight-specified
             0.6 (asset "TQQQ" "Nasdaq 100, 3x")
             0.4 (asset "QQQ" "Nasdaq 100"))])])]
    [(if (< (rsi "TQQQ" {:window 10}) 31)
       [(asset "QQQ" "Nasdaq 100")]
       [(if (< (current-price "QQQ") (moving-average-price "QQQ" {:window 20}))
          [(group "Downtrend"
             [(weight-specified
                0.8 (asset "SHY" "Short Treasuries")
                0.2 (asset "SQQQ" "Nasdaq 100, 3x short"))])]
          [(filter (cumulative-return {:window 20}) (select-top 1)
             [(asset "TLT" "Long Treasuries") (asset "IEF" "Medium Treasuries")])])])]))
