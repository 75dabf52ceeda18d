\set item random_zipfian(1, :rows, 1.1)
SELECT quantity FROM item WHERE id = :item;
