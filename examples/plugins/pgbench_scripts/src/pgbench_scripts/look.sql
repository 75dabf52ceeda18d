-- pgbench --select-only, but some accounts are looked at far more often than others.
\set rank random_zipfian(1, :accounts * :scale, 1.1)
\set aid 1 + permute(:rank - 1, :accounts * :scale)
SELECT abalance FROM accounts WHERE aid = :aid;
