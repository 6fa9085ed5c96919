SELECT is_active FROM authtoken_token JOIN auth_user ON auth_user.id = user_id WHERE key = $1
