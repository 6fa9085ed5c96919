
        SELECT token.expiry, token.last_used_on, ARRAY(
        SELECT content_type.app_label || '.' || permission.codename
        FROM auth_permission permission
        JOIN django_content_type content_type ON content_type.id = permission.content_type_id
        WHERE permission.id IN (
          SELECT permission_id FROM auth_user_user_permissions WHERE user_id = owner.id
          UNION ALL
          SELECT permission_id FROM auth_user_groups JOIN auth_group_permissions USING (group_id) WHERE user_id = owner.id
        )
    ) AS permissions, owner."id", owner."password", owner."last_login", owner."is_superuser", owner."username", owner."first_name", owner."last_name", owner."email", owner."is_staff", owner."is_active", owner."date_joined"
        FROM accounts_token token JOIN auth_user owner ON owner."id" = token.user_id
        WHERE token.digest = $1
    
