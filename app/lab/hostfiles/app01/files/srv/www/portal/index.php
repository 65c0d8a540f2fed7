<?php
// The portal's start page: who works here, from the ERP database.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$settings = parse_ini_file('/etc/portal/portal.ini');
if ($settings === false) {
    http_response_code(500);
    exit("portal: settings cannot be read\n");
}
try {
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 5);
    $db->real_connect($settings['db_host'], $settings['db_user'], $settings['db_password'], $settings['db_name']);
    $db->query('INSERT INTO visits () VALUES ()');
    $staff = $db->query('SELECT name, team FROM staff ORDER BY id')->fetch_all(MYSQLI_ASSOC);
} catch (mysqli_sql_exception $error) {
    error_log('portal: ' . $error->getMessage());
    http_response_code(503);
    exit("portal: database unavailable\n");
}
echo "<!doctype html>\n<title>Portal</title>\n<h1>Portal</h1>\n<!-- portal-ok -->\n<ul>\n";
foreach ($staff as $row) {
    echo '<li>' . htmlspecialchars($row['name']) . ' (' . htmlspecialchars($row['team']) . ")</li>\n";
}
echo "</ul>\n";
