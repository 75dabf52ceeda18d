-- A payment, if there is the money for it; the fee depends on the amount.
\set aid random(1, :accounts * :scale)
\set tid random(1, :tellers * :scale)
\set amount random_exponential(1, 1000, 3)
\set fee CASE WHEN :amount < 100 THEN 1 ELSE :amount / 100 END
BEGIN;
SELECT abalance, bid FROM accounts WHERE aid = :aid FOR UPDATE \gset
\if :abalance >= :amount + :fee
  \set delta -(:amount + :fee)
  UPDATE accounts SET abalance = abalance + :delta WHERE aid = :aid;
  UPDATE tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
  UPDATE branches SET bbalance = bbalance + :delta WHERE bid = :bid;
  INSERT INTO history (tid, bid, aid, delta) VALUES (:tid, :bid, :aid, :delta);
\endif
END;
