SELECT id, first_name, last_name, email, phone, is_active, company, city, created_at, updated_at FROM customers_customer ORDER BY created_at DESC, id DESC LIMIT 21
