\set item random_zipfian(1, :rows, 1.1)
\set change random(-1, 1)
UPDATE item SET quantity = quantity + :change, updated_at = now() WHERE id = :item;
