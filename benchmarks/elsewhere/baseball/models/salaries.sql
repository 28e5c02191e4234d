{{ told_at_year_end('Salaries') }}
