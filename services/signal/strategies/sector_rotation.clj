; Sector rotation
;
; Owns what has been strong for a quarter, with bonds beside it.
;
; 1. Bonds (BND) did better than the Nasdaq 100 (QQQ) over 60 days: money is
;    leaving shares. Half in the two strongest bond funds, half in steady
;    companies that people buy from in any year.
; 2. Otherwise: 80 % in the three strongest of eight technology names and
;    funds over 60 days, in equal parts, and 20 % in the stronger of two bond
;    funds over 20 days.
;
; Longest look back: 61 bars.
(defsymphony "Sector rotation" {:asset-class "EQUITIES", :rebalance-frequency :weekly}
  (if (> (cumulative-return "BND" {:window 60}) (cumulative-return "QQQ" {:window 60}))
    [(weight-equal
       [(filter (cumulative-return {:window 20}) (select-top 2)
          [(asset "TLT" "Long Treasuries")
           (asset "IEF" "Medium Treasuries")
           (asset "SHY" "Short Treasuries")
           (asset "BND" "All bonds")])
        (group "Steady companies"
          [(weight-equal [(asset "PEP" "PepsiCo") (asset "COST" "Costco") (asset "AMGN" "Amgen")])])])]
    [(weight-specified
       0.8 (filter (cumulative-return {:window 60}) (select-top 3)
             [(asset "AAPL" "Apple")
              (asset "MSFT" "Microsoft")
              (asset "AMZN" "Amazon")
              (asset "GOOGL" "Alphabet")
              (asset "AMD" "AMD")
              (asset "ADBE" "Adobe")
              (asset "SMH" "Semiconductors")
              (asset "QQQ" "Nasdaq 100")])
       0.2 (filter (cumulative-return {:window 20}) (select-top 1)
             [(asset "IEF" "Medium Treasuries") (asset "SHY" "Short Treasuries")]))]))
