SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at, address, notes FROM customers_customer WHERE id = $1::bigint
