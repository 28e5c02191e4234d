{{ told_at_year_end('Teams') }}
