SELECT count(*), count(*) FILTER (WHERE is_active), count(*) FILTER (WHERE created_at >= $1) FROM customers_customer
